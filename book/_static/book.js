// What scrolls can be scrolled by keys: it takes the focus, but only while it is too wide. The
// theme does this once, when a page is opened, and not for what is folded then.
const BOXES = "pre, .cell_output, .output, .pst-scrollable-table-container";
const scrolled = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll(BOXES)) scrolled.observe(box);
});

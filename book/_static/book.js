// What scrolls can be scrolled by keys: it takes the focus, but only while it is too wide. The
// theme does this once, when a page is opened, and not for what is folded then. Rounding makes some
// boxes a few pixels too narrow.
const BOXES = "pre, .cell_output, .output, .pst-scrollable-table-container, mjx-container";
const scrolled = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth + 8) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
document.addEventListener("DOMContentLoaded", async () => {
  await window.MathJax?.startup?.promise;
  for (const box of document.querySelectorAll(BOXES)) scrolled.observe(box);
});

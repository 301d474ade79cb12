// The page is there to be read before its formulas are set, which takes a third of a second where
// there are many.
const loaded = new Promise((done) => addEventListener("load", () => setTimeout(done)));
if (window.MathJax) {
  MathJax.startup = { pageReady: () => loaded.then(() => MathJax.startup.defaultPageReady()) };
}

// What scrolls can be scrolled by keys: it takes the focus, but only while it is too wide. The
// theme's own way (see book/_ext/pages.py) knows nothing of what is folded when the page is opened.
// Rounding makes some boxes a few pixels too narrow.
const BOXES = "pre, .cell_output, .output, .pst-scrollable-table-container, mjx-container";
const scrolled = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth + 8) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
loaded
  .then(() => window.MathJax?.startup.promise)
  .then(() => document.querySelectorAll(BOXES).forEach((box) => scrolled.observe(box)));

// The page is there to be read before its formulas are set, which takes a third of a second where
// there are many.
const loaded = new Promise((done) => addEventListener("load", () => setTimeout(done)));
if (window.MathJax) {
  MathJax.startup = { pageReady: () => loaded.then(() => MathJax.startup.defaultPageReady()) };
}

// What scrolls where it is too wide.
const BOXES = "pre, .cell_output, .output, .pst-scrollable-table-container, mjx-container";

// A table or an equation that is a little too wide becomes smaller. Where its letters would be
// smaller than this, in pixels, it scrolls.
const SMALLEST = 10.7;
function fit(box) {
  for (const part of box.querySelectorAll(":scope > svg, table")) {
    if (part.parentElement.closest(BOXES) !== box) continue; // a box within has it
    part.classList.remove("fitted");
    const room = box.clientWidth / box.scrollWidth;
    const letters = parseFloat(getComputedStyle(part).fontSize);
    part.style.setProperty("--room", room);
    part.classList.toggle("fitted", room < 1 && room * letters >= SMALLEST);
  }
}

// What scrolls can be scrolled by keys: it takes the focus, but only while it is too wide. The
// theme's own way (see book/_ext/pages.py) knows nothing of what is folded when the page is opened.
// Rounding makes some boxes a few pixels too narrow.
const scrolled = new ResizeObserver((entries) => {
  requestAnimationFrame(() => {
    for (const { target } of entries) {
      fit(target);
      if (target.scrollWidth > target.clientWidth + 8) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
});
loaded
  .then(() => window.MathJax?.startup.promise)
  .then(() => document.querySelectorAll(BOXES).forEach((box) => scrolled.observe(box)));

// An animation can be stopped, and turned by hand. It stands still, at its end, for those who ask
// for less motion.
function player(image) {
  const durations = image.dataset.durations.split(",").map(Number);
  const frames = durations.map((_, n) => {
    const frame = new Image();
    frame.src = image.src.replace(/\.png$/, `-${n}.png`);
    return frame;
  });
  const [controls, button, slider] = ["div", "button", "input"].map((name) =>
    document.createElement(name),
  );
  let timer = null;

  function show(n) {
    slider.value = n;
    image.src = frames[n].src;
  }

  function turn() {
    const n = (Number(slider.value) + 1) % frames.length;
    show(n);
    timer = setTimeout(turn, durations[n]);
  }

  function play(on) {
    clearTimeout(timer);
    timer = null;
    if (on) turn();
    button.textContent = on ? "Pause" : "Play";
  }

  controls.className = "player";
  button.type = "button";
  slider.type = "range";
  slider.max = frames.length - 1;
  slider.setAttribute("aria-label", "Moment of the animation");
  button.addEventListener("click", () => play(timer === null));
  slider.addEventListener("input", () => {
    play(false);
    show(slider.value);
  });
  controls.append(button, slider);
  image.after(controls);
  show(frames.length - 1);
  play(!matchMedia("(prefers-reduced-motion: reduce)").matches);
}
addEventListener("DOMContentLoaded", () =>
  document.querySelectorAll("img[data-durations]").forEach(player),
);

// One button shows all code, here and on the pages that are opened next. Exercises keep theirs.
addEventListener("DOMContentLoaded", () => {
  const folds = document.querySelectorAll(".bd-article details.hide:not(.task *)");
  if (!folds.length) return;
  const button = document.createElement("button");
  const show = (all) => {
    folds.forEach((fold) => { fold.open = all; });
    button.textContent = all ? "Hide all code" : "Show all code";
    localStorage.setItem("code", all ? "shown" : "");
  };
  button.addEventListener("click", () => show(button.textContent.startsWith("Show")));
  const line = document.createElement("p");
  line.className = "all-code";
  line.append(button);
  document.querySelector(".bd-article h1").after(line);
  show(localStorage.getItem("code") === "shown");
});

// A question shows the reply to what is chosen.
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form.quiz");
  if (!form) return; // the search has a form, too
  event.preventDefault();
  const { value } = form.querySelector("input:checked");
  for (const reply of form.querySelectorAll("[data-of]")) {
    reply.hidden = reply.dataset.of !== value;
  }
});

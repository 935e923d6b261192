// The page: what is selected, what is in sight, and what keys, mouse and fingers do about it.

const timings = { parsed: performance.now() };
const byId = (id) => document.getElementById(id);
const announce = (text) => { byId("announcement").textContent = text; };
const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const view = { x: 0, y: 0, scale: 1 };
let layout = null;
let selected = null;
let mapScale = 0;
let isQueued = false;
// Until somebody moves the picture, it fits the window.
let isUntouched = true;

function redraw() {
  if (isQueued) return;
  isQueued = true;
  requestAnimationFrame(() => {
    isQueued = false;
    const start = performance.now();
    timings.drawn = draw(layout, view, selected, document.activeElement === stage ? selected : null);
    mapScale = drawMap(layout, view);
    timings.draw = performance.now() - start;
  });
}

// --- the view ------------------------------------------------------------------------------------

const LEAST = 0.04, MOST = 4;

function zoomAt(x, y, factor) {
  isUntouched = false;
  const scale = Math.min(MOST, Math.max(LEAST, view.scale * factor));
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  redraw();
}

const zoomMiddle = (factor) => zoomAt(stage.clientWidth / 2, stage.clientHeight / 2, factor);

/** Show all; but at first no smaller than can be read, from the beginning of the data. */
function fit(readable = false) {
  const [w, h] = [stage.clientWidth, stage.clientHeight];
  const pad = 32;
  let scale = Math.min((w - 2 * pad) / layout.w, (h - 2 * pad) / layout.h, 1.2);
  if (readable) scale = Math.max(scale, 0.85);
  view.scale = Math.max(scale, LEAST);
  const isWide = layout.w * view.scale > w, isTall = layout.h * view.scale > h;
  const first = layout.boxes.filter((box) => box.depth === 0).sort((a, b) => a.y - b.y)[0];
  view.x = isWide && readable ? w / 2 - (first.x + first.w / 2) * view.scale : (w - layout.w * view.scale) / 2;
  view.y = isTall && readable ? pad : (h - layout.h * view.scale) / 2;
  redraw();
}

let flight = 0;
/** Move the view so that a box is in the middle; at once for those who do not want motion. */
function centerOn(key) {
  const box = layout.byKey.get(key);
  const scale = Math.max(view.scale, 0.8);
  const height = box.open ? Math.min(box.h, stage.clientHeight / scale - 60) : box.h;
  const target = {
    scale, x: stage.clientWidth / 2 - (box.x + box.w / 2) * scale, y: stage.clientHeight / 2 - (box.y + height / 2) * scale,
  };
  cancelAnimationFrame(flight);
  if (isStill()) { Object.assign(view, target); redraw(); return; }
  const from = { ...view }, start = performance.now();
  const fly = (now) => {
    const t = Math.min(1, Math.max(0, (now - start) / 260)), ease = t * (2 - t);
    for (const name of ["x", "y", "scale"]) view[name] = from[name] + (target[name] - from[name]) * ease;
    redraw();
    if (t < 1) flight = requestAnimationFrame(fly);
  };
  flight = requestAnimationFrame(fly);
}

/** Move as little as needed to have a box in sight. */
function reveal(key) {
  const box = layout.byKey.get(key);
  const x = box.x * view.scale + view.x, y = box.y * view.scale + view.y;
  const isInside = x >= 0 && y >= 0 && x + box.w * view.scale <= stage.clientWidth && y + Math.min(box.h, 80) * view.scale <= stage.clientHeight;
  if (!isInside) centerOn(key);
}

// --- folding and selecting -----------------------------------------------------------------------

function relayout() {
  const start = performance.now();
  layout = layOut(sizeOf);
  timings.layout = performance.now() - start;
  mapScale = 0;
}

/** Fold or unfold a group, which stays where it is on the screen; `then` is selected afterwards. */
function toggle(key, then = selected) {
  const before = layout.byKey.get(key);
  const node = nodes.get(key);
  node.open = !node.open;
  relayout();
  const after = layout.byKey.get(key);
  if (before && after) {
    view.x += (before.x + before.w / 2 - after.x - after.w / 2) * view.scale;
    view.y += (before.y - after.y) * view.scale;
  }
  // What was selected may be folded away.
  if (then !== null && !layout.byKey.has(then)) then = key;
  if (then !== null) select(then, { open: !panel.hidden, quiet: true });
  else showOutline(null);
  announce(`${titleOf(key)} ${node.open ? `unfolded, ${count(node.kids.length, "thing")} inside` : "folded"}`);
  redraw();
}

/** Select a node, unfolding what it stands in. */
function select(key, { open = true, center = false, quiet = false } = {}) {
  const folded = groupsAround(key).filter((group) => !isOpen(group));
  for (const group of folded) nodes.get(group).open = true;
  if (folded.length) relayout();
  selected = key;
  if (open) showDetails(key, (to) => select(to, { center: true }), (group) => toggle(group, group));
  showOutline(key);
  if (!quiet) announce(spokenOf(key));
  // After the panel has taken its room.
  if (folded.length || center) centerOn(key);
  else if (!quiet) reveal(key);
  redraw();
}

function deselect() {
  selected = null;
  panel.hidden = true;
  showOutline(null);
  redraw();
}

// --- the mouse and fingers -------------------------------------------------------------------------

/** The innermost box at a place on the stage, and whether its sign for folding is there. */
function boxAt(x, y) {
  const wx = (x - view.x) / view.scale, wy = (y - view.y) / view.scale;
  const hits = layout.boxes.filter((b) => wx >= b.x && wx <= b.x + b.w && wy >= b.y && wy <= b.y + b.h);
  const box = hits.sort((a, b) => b.depth - a.depth)[0];
  if (!box) return null;
  const onSign = isGroup(box.key) && wx < box.x + 32 && (!box.open || wy < box.y + 30);
  return { box, onSign };
}

const fingers = new Map();
let travelled = 0;
let isPointing = false;
const at = (event) => {
  const frame = canvas.getBoundingClientRect();
  return [event.clientX - frame.left, event.clientY - frame.top];
};

canvas.addEventListener("pointerdown", (event) => {
  isPointing = true;
  stage.focus({ preventScroll: true });
  isPointing = false;
  cancelAnimationFrame(flight);
  isUntouched = false;
  fingers.set(event.pointerId, at(event));
  canvas.setPointerCapture(event.pointerId);
  if (fingers.size === 1) travelled = 0;
});
canvas.addEventListener("pointermove", (event) => {
  const [x, y] = at(event);
  const last = fingers.get(event.pointerId);
  if (!last) { canvas.classList.toggle("over", boxAt(x, y) !== null); return; }
  if (fingers.size === 1) {
    view.x += x - last[0];
    view.y += y - last[1];
    travelled += Math.abs(x - last[0]) + Math.abs(y - last[1]);
    if (travelled > 4) canvas.classList.add("dragging");
    redraw();
  } else {
    // Two fingers: the distance between them zooms, their middle moves.
    const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
    const distance = (p) => Math.max(1, Math.hypot(p[0] - other[0], p[1] - other[1]));
    view.x += (x - last[0]) / 2;
    view.y += (y - last[1]) / 2;
    zoomAt((x + other[0]) / 2, (y + other[1]) / 2, distance([x, y]) / distance(last));
    travelled = Infinity;
  }
  fingers.set(event.pointerId, [x, y]);
});
for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, (event) => {
    const wasAlone = fingers.size === 1;
    fingers.delete(event.pointerId);
    canvas.classList.remove("dragging");
    if (end === "pointercancel" || !wasAlone || travelled > 4) return;
    const hit = boxAt(...at(event));
    if (!hit) deselect();
    else if (hit.onSign) toggle(hit.box.key);
    else {
      select(hit.box.key, { quiet: true });
      announce(spokenOf(hit.box.key));
      // The panel may cover what was clicked. Not at once: a double click aims at the same place.
      setTimeout(() => { if (selected === hit.box.key) reveal(selected); }, 350);
    }
  });
}
canvas.addEventListener("dblclick", (event) => {
  const hit = boxAt(...at(event));
  if (hit && isGroup(hit.box.key) && !hit.onSign) toggle(hit.box.key);
});
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const step = event.deltaMode === 1 ? 24 : 1;
  if (event.shiftKey) { view.x -= (event.deltaX || event.deltaY) * step; redraw(); }
  else zoomAt(...at(event), Math.exp(-Math.max(-150, Math.min(150, event.deltaY * step)) * (event.ctrlKey ? 0.01 : 0.0022)));
}, { passive: false });

function moveByMap(event) {
  if (!event.buttons || !mapScale) return;
  const frame = map.getBoundingClientRect();
  view.x = stage.clientWidth / 2 - ((event.clientX - frame.left) / mapScale) * view.scale;
  view.y = stage.clientHeight / 2 - ((event.clientY - frame.top) / mapScale) * view.scale;
  redraw();
}
map.addEventListener("pointerdown", (event) => { map.setPointerCapture(event.pointerId); moveByMap(event); });
map.addEventListener("pointermove", moveByMap);

// --- the keyboard ----------------------------------------------------------------------------------

/** The boxes, in the order of reading: from top to bottom, from left to right. */
const inOrder = () => layout.boxes.slice().sort((a, b) => a.y - b.y || a.x - b.x);

/** Go along an edge from what is selected, or to the first box. */
function follow(isForward) {
  const ends = layout.edges.flatMap((edge) => (isForward
    ? (edge.from === selected ? [...edge.to] : [])
    : (edge.to.has(selected) ? [edge.from] : [])));
  const box = layout.byKey.get(selected);
  let next = [...new Set(ends)].map((key) => layout.byKey.get(key)).filter((b) => b && b.key !== selected);
  // At an open group, down leads into it, and up out of it.
  if (!next.length && box.open && isForward) next = layout.boxes.filter((b) => parentOf.get(b.key) === selected);
  else if (!next.length && parentOf.get(selected) !== ROOT) next = [layout.byKey.get(parentOf.get(selected))];
  next.sort((a, b) => Math.abs(a.y - box.y) - Math.abs(b.y - box.y) || Math.abs(a.x - box.x) - Math.abs(b.x - box.x));
  if (next[0]) select(next[0].key, { open: !panel.hidden });
}

/** Go to the nearest box to the left or the right. */
function sideways(direction) {
  const box = layout.byKey.get(selected);
  const middle = (b) => b.x + b.w / 2;
  const next = layout.boxes
    .filter((b) => b.key !== selected && (middle(b) - middle(box)) * direction > 0 && b.y < box.y + box.h && b.y + b.h > box.y && !b.open)
    .sort((a, b) => (middle(a) - middle(b)) * direction)[0];
  if (next) select(next.key, { open: !panel.hidden });
}

/** Go to the next or previous box in order of reading; false at the end, where Tab leaves. */
function step(direction) {
  const boxes = inOrder();
  const next = boxes[boxes.findIndex((b) => b.key === selected) + direction];
  if (!next) return false;
  select(next.key, { open: !panel.hidden });
  return true;
}

const pan = (dx, dy) => { view.x += dx; view.y += dy; redraw(); };
const onStage = {
  ArrowDown: (event) => (event.shiftKey ? pan(0, -60) : follow(true)),
  ArrowUp: (event) => (event.shiftKey ? pan(0, 60) : follow(false)),
  ArrowLeft: (event) => (event.shiftKey ? pan(60, 0) : sideways(-1)),
  ArrowRight: (event) => (event.shiftKey ? pan(-60, 0) : sideways(1)),
  Enter: () => { select(selected); details.querySelector("h2").focus(); },
  " ": () => { if (isGroup(selected)) toggle(selected); },
};

stage.addEventListener("keydown", (event) => {
  if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Tab") {
    if (selected !== null && step(event.shiftKey ? -1 : 1)) event.preventDefault();
    return;
  }
  const action = onStage[event.key];
  if (!action) return;
  event.preventDefault();
  if (selected === null && !event.shiftKey) select(inOrder()[0].key, { open: event.key === "Enter" });
  else action(event);
});
stage.addEventListener("focus", () => { if (!isPointing && stage.matches(":focus-visible") && selected === null) select(inOrder()[0].key, { open: false }); });

const anywhere = {
  "+": () => zoomMiddle(1.25), "=": () => zoomMiddle(1.25), "-": () => zoomMiddle(0.8), 0: () => fit(),
  "/": () => searchBox.focus(), "?": () => byId("help").showModal(),
  o: () => toggleOutline(), d: () => setTheme(!isDark()),
};
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !panel.hidden && !byId("help").open) { panel.hidden = true; stage.focus(); redraw(); return; }
  const isTyping = event.target instanceof HTMLInputElement;
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const action = anywhere[event.key];
  if (action) { event.preventDefault(); action(); }
});

// --- buttons and colors ------------------------------------------------------------------------------

const isDark = () => document.documentElement.classList.contains("dark");
function setTheme(dark) {
  document.documentElement.classList.toggle("dark", dark);
  byId("theme").setAttribute("aria-pressed", dark);
  readColors();
  if (layout) redraw();
}

function toggleOutline() {
  const shown = outline.classList.toggle("shown");
  byId("outline-toggle").setAttribute("aria-pressed", shown);
  showOutline(selected);
}

byId("zoom-in").addEventListener("click", () => zoomMiddle(1.25));
byId("zoom-out").addEventListener("click", () => zoomMiddle(0.8));
byId("fit").addEventListener("click", () => fit());
byId("outline-toggle").addEventListener("click", toggleOutline);
byId("theme").addEventListener("click", () => setTheme(!isDark()));
byId("help-button").addEventListener("click", () => byId("help").showModal());
byId("panel-close").addEventListener("click", () => { panel.hidden = true; stage.focus(); redraw(); });
byId("note-close").addEventListener("click", () => { byId("note").hidden = true; });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => setTheme(event.matches));
for (const [family, [words]] of Object.entries(FAMILIES)) {
  byId("legend").append(make("li", {}, make("i", { style: `background: var(--${family})` }), words));
}

// --- begin -----------------------------------------------------------------------------------------

const leaves = [...nodes.values()];
const operationCount = leaves.filter((node) => node.type === "operation").length;
const parameterList = leaves.filter((node) => node.type === "variable" && tensors[node.out[0]].kind === "parameter");
const numberCount = parameterList.reduce((sum, node) => sum + tensors[node.out[0]].shape.reduce((a, b) => a * b, 1), 0);
byId("summary").textContent = [
  count(operationCount, "operation"),
  parameterList.length ? `${count(parameterList.length, "parameter")} with ${count(numberCount, "number")}` : "",
].filter(Boolean).join(", ");
byId("note").hidden = data.recorded;

setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
relayout();
fit(true);
showOutline(null);
listenToOutline({ select, toggle });
listenToSearch((key) => { stage.focus(); select(key, { center: true }); });
new ResizeObserver(redraw).observe(stage);
window.addEventListener("resize", () => { if (isUntouched) fit(true); });
requestAnimationFrame(() => { timings.ready = performance.now(); });

// What a program may ask of the page.
window.dezeroGraph = {
  timings, select, toggle, find, fit, zoom: zoomMiddle,
  boxes: () => inOrder().map(({ key, open }) => ({ key, open, type: nodes.get(key).type, title: headOf(key), subtitle: subtitleOf(key) })),
  edges: () => layout.edges.map(({ from, to, times, isReversed }) => ({ from, to: [...to], times, isReversed })),
  places: () => layout.boxes.map(({ key, x, y, w, h, open, depth }) => ({ key, x, y, w, h, open, depth })),
  whereIs: (key) => {
    const box = layout.byKey.get(key), frame = canvas.getBoundingClientRect();
    return { x: frame.left + view.x + (box.x + box.w / 2) * view.scale, y: frame.top + view.y + (box.y + Math.min(box.h / 2, 21)) * view.scale };
  },
  view: () => ({ ...view }),
  selected: () => selected,
};

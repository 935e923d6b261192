// Drawing on the canvas: only what is in sight, and no more of it than the scale lets one read.

const stage = document.getElementById("stage");
const canvas = document.getElementById("canvas");
const pen = canvas.getContext("2d");
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const LONGEST = 34;

// The color of a box's edge tells what kind of operation it is; its name tells more.
const FAMILIES = {
  product: ["product", "linear matmul conv2d deconv2d conv2d_weight im2col col2im tensordot einsum outer rnn lstm gru step embedding weights inv solve"],
  activation: ["activation", "relu leaky_relu elu gelu gelu_by_tanh silu sigmoid softplus softmax log_softmax tanh"],
  normalization: ["normalization", "batch_norm normalize_rows scale_and_shift dropout"],
  loss: ["loss", "mean_squared_error huber softmax_cross_entropy sigmoid_cross_entropy binary_cross_entropy kl_divergence"],
  reduction: ["reduction", "sum mean max min prod var std norm logsumexp sum_to cumsum pooling average_pooling argmax argmin"],
  shape: ["shape, index", "reshape transpose broadcast_to concatenate stack split get_item add_at pad flip roll tile repeat astype take_along_axis add_along_axis"],
  elementwise: ["element by element", ""],
};
const familyOf = new Map();
for (const [family, [, names]] of Object.entries(FAMILIES)) for (const name of names.split(" ")) familyOf.set(name, family);

let colors = {};
function readColors() {
  const style = getComputedStyle(document.documentElement);
  const names = ["paper", "card", "ink", "faint", "line", "edge", "accent", "group", "group-line", "warn",
    "parameter", "parameter-line", "input", "input-line", ...Object.keys(FAMILIES)];
  colors = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

const shorten = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

/** The first line of a box: inside a layer without the layer's path, and with the numbers that an
 *  operation takes. */
function headOf(key) {
  const node = nodes.get(key);
  if (node.type === "variable") {
    const around = groupsAround(key).find((group) => nodes.get(group)?.path);
    const prefix = around === undefined ? "" : `${nodes.get(around).path}/`;
    const title = titleOf(key);
    return shorten(title.startsWith(prefix) ? title.slice(prefix.length) : title);
  }
  if (node.type === "group") return shorten(titleOf(key));
  return shorten([node.name, ...constantsOf(node)].join("  "));
}

const widths = new Map();
function textWidth(text, font) {
  const name = font + text;
  if (!widths.has(name)) { pen.font = font; widths.set(name, pen.measureText(text).width); }
  return widths.get(name);
}
const HEAD = `600 13px ${FONT}`, SUB = `11.5px ${FONT}`;

/** The size of a box, by its text. */
function sizeOf(key) {
  const w = Math.max(textWidth(headOf(key), HEAD), textWidth(shorten(subtitleOf(key)), SUB));
  const node = nodes.get(key);
  return { w: Math.ceil(Math.max(w, 34)) + (node.type === "group" ? 46 : 30), h: 42 };
}

/** Draw what the view shows of a layout. `selected` and `focused` are keys, or null. */
function draw(layout, view, selected, focused) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: w, clientHeight: h } = stage;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = colors.paper;
  pen.fillRect(0, 0, w, h);
  pen.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * view.x, ratio * view.y);
  const sight = { x0: -view.x / view.scale, y0: -view.y / view.scale, x1: (w - view.x) / view.scale, y1: (h - view.y) / view.scale };
  const inSight = (b) => b.x < sight.x1 && b.x + b.w > sight.x0 && b.y < sight.y1 && b.y + b.h > sight.y0;
  const seen = layout.boxes.filter(inSight);
  for (const box of seen) if (box.open) drawFrame(box, box.key === selected, box.key === focused);
  drawEdges(layout, sight, view, selected);
  if (view.scale >= 0.25) for (const box of seen) if (box.open) drawFrameTitle(box);
  for (const box of seen) if (!box.open) drawBox(box, view, box.key === selected, box.key === focused);
  return seen.length;
}

function rounded(x, y, w, h, radius) {
  pen.beginPath();
  pen.roundRect(x, y, w, h, radius);
}

function ring(box, radius, selected, focused) {
  if (!selected && !focused) return;
  pen.strokeStyle = colors.accent;
  pen.lineWidth = selected ? 3 : 2;
  pen.setLineDash(selected ? [] : [5, 3]);
  rounded(box.x - 3, box.y - 3, box.w + 6, box.h + 6, radius + 3);
  pen.stroke();
  pen.setLineDash([]);
}

function drawFrame(box, selected, focused) {
  rounded(box.x, box.y, box.w, box.h, 10);
  pen.fillStyle = groundOf(box);
  pen.fill();
  pen.strokeStyle = colors["group-line"];
  pen.lineWidth = 1;
  pen.stroke();
  ring(box, 10, selected, focused);
}

const groundOf = (box) => (box.depth % 2 ? colors.paper : colors.group);

/** The name of an open group, over the edges that come in there. */
function drawFrameTitle(box) {
  const node = nodes.get(box.key);
  const isLayer = node.layer && node.layer !== node.name;
  pen.fillStyle = groundOf(box);
  pen.fillRect(box.x + 6, box.y + 6, textWidth(headOf(box.key), HEAD) + 30, 21);
  drawFold(box.x + 16, box.y + 16, true);
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.font = HEAD;
  pen.fillStyle = colors.ink;
  const head = headOf(box.key);
  pen.fillText(head, box.x + 30, box.y + 16.5);
  const room = box.w - 46 - textWidth(head, HEAD);
  if (isLayer && textWidth(node.layer, SUB) < room) {
    pen.font = SUB;
    pen.fillStyle = colors.faint;
    pen.fillText(node.layer, box.x + 38 + textWidth(head, HEAD), box.y + 17);
  }
}

/** The sign that folds (−) and unfolds (+) a group. */
function drawFold(x, y, isOpen) {
  pen.strokeStyle = colors.faint;
  pen.lineWidth = 1.4;
  rounded(x - 6.5, y - 6.5, 13, 13, 3);
  pen.stroke();
  pen.beginPath();
  pen.moveTo(x - 3.2, y); pen.lineTo(x + 3.2, y);
  if (!isOpen) { pen.moveTo(x, y - 3.2); pen.lineTo(x, y + 3.2); }
  pen.stroke();
}

function drawBox(box, view, selected, focused) {
  const node = nodes.get(box.key);
  const isVariable = node.type === "variable";
  const kind = isVariable ? (tensors[node.out[0]].kind === "parameter" ? "parameter" : "input") : null;
  const isInputs = node.type === "group" && Object.keys(node.names).length === 0;
  const round = kind || isInputs;
  const radius = round ? box.h / 2 : 6;
  const fill = round ? colors[kind ?? "input"] : colors.card;
  pen.lineWidth = kind === "parameter" ? 1.8 : 1.1;
  pen.strokeStyle = round ? colors[`${kind ?? "input"}-line`] : colors["group-line"];
  if (node.type === "group") {
    // A stack: two more behind it.
    for (const shift of [6, 3]) {
      rounded(box.x + shift, box.y + shift, box.w, box.h, radius);
      pen.fillStyle = fill;
      pen.fill();
      pen.stroke();
    }
  }
  rounded(box.x, box.y, box.w, box.h, radius);
  pen.fillStyle = fill;
  pen.fill();
  pen.stroke();
  if (!round) {
    pen.save();
    pen.clip();
    pen.fillStyle = colors[familyOf.get(mainNameOf(node)) ?? "elementwise"];
    // Too small to be read, the whole box says what kind it is.
    pen.fillRect(box.x, box.y, view.scale < 0.22 ? box.w : 6, box.h);
    pen.restore();
  }
  ring(box, radius, selected, focused);
  if (view.scale < 0.22) return;
  const isGroupBox = node.type === "group";
  const middle = box.x + box.w / 2 + (isGroupBox ? 10 : round ? 0 : 3);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.font = HEAD;
  pen.fillStyle = colors.ink;
  pen.fillText(headOf(box.key), middle, box.y + 14.5);
  if (view.scale > 0.4) {
    pen.font = SUB;
    pen.fillStyle = colors.faint;
    pen.fillText(shorten(subtitleOf(box.key)), middle, box.y + 30);
  }
  if (isGroupBox) drawFold(box.x + (round ? 20 : 19), box.y + box.h / 2, false);
  if (hasUnsound(box.key)) drawWarning(box.x + box.w - 2, box.y + 2, hasUnsound(box.key) === VALUE);
}

/** The operation that gives a box its color: of a group, the one that says most about it. */
function mainNameOf(node) {
  if (node.type === "operation") return node.name;
  const names = Object.keys(node.names);
  for (const family of ["product", "normalization", "loss", "activation", "reduction", "shape"]) {
    const found = names.find((name) => familyOf.get(name) === family);
    if (found) return found;
  }
  return names[0];
}

/** A sign for what is not finite: filled for a value, hollow where it is the gradient alone. */
function drawWarning(x, y, isFilled) {
  pen.beginPath();
  pen.arc(x, y, 8, 0, 2 * Math.PI);
  pen.fillStyle = isFilled ? colors.warn : colors.card;
  pen.fill();
  pen.strokeStyle = colors.warn;
  pen.lineWidth = 1.5;
  pen.stroke();
  pen.fillStyle = isFilled ? colors.card : colors.warn;
  pen.font = `700 12px ${FONT}`;
  pen.textAlign = "center";
  pen.fillText("!", x, y + 0.5);
}

function drawEdges(layout, sight, view, selected) {
  for (const isLit of [false, true]) {
    for (const edge of layout.edges) {
      const lit = selected !== null && (edge.from === selected || edge.to.has(selected));
      if (lit !== isLit) continue;
      const box = (edge.bounds ??= boundsOf(edge.points));
      if (box.x0 > sight.x1 || box.x1 < sight.x0 || box.y0 > sight.y1 || box.y1 < sight.y0) continue;
      drawEdge(edge, lit);
    }
  }
}

function boundsOf(points) {
  const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
  return { x0: Math.min(...xs) - 4, x1: Math.max(...xs) + 4, y0: Math.min(...ys) - 4, y1: Math.max(...ys) + 4 };
}

function drawEdge(edge, lit) {
  const { points } = edge;
  const [endX, endY] = points.at(-1);
  const direction = edge.isReversed ? -1 : 1;
  pen.strokeStyle = pen.fillStyle = lit ? colors.accent : colors.edge;
  pen.lineWidth = Math.min(3, 1.2 + 0.25 * Math.log2(edge.times)) + (lit ? 0.8 : 0);
  pen.setLineDash(edge.isBack ? [6, 4] : []);
  pen.beginPath();
  pen.moveTo(...points[0]);
  for (let i = 1; i < points.length; i++) {
    const [ax, ay] = points[i - 1];
    let [bx, by] = points[i];
    if (i === points.length - 1 && edge.arrow) by -= 6 * direction;
    const bend = (by - ay) / 2;
    pen.bezierCurveTo(ax, ay + bend, bx, by - bend, bx, by);
  }
  pen.stroke();
  pen.setLineDash([]);
  if (!edge.arrow) return;
  pen.beginPath();
  const half = 3 + pen.lineWidth * 0.8;
  pen.moveTo(endX, endY);
  pen.lineTo(endX - half, endY - 1.8 * half * direction);
  pen.lineTo(endX + half, endY - 1.8 * half * direction);
  pen.fill();
}

// --- the small map -------------------------------------------------------------------------------

const map = document.getElementById("map");

/** Draw all of the layout, and what is in sight of it. Returns the scale of the map. */
function drawMap(layout, view) {
  const { clientWidth: w, clientHeight: h } = stage;
  const isNeeded = layout.w * view.scale > w * 1.05 || layout.h * view.scale > h * 1.05;
  map.hidden = !isNeeded || w < 480;
  if (map.hidden) return 0;
  const scale = Math.min(150 / layout.w, 200 / layout.h);
  const [mw, mh] = [Math.max(24, layout.w * scale), Math.max(24, layout.h * scale)].map(Math.ceil);
  const ratio = window.devicePixelRatio || 1;
  map.width = mw * ratio;
  map.height = mh * ratio;
  map.style.width = `${mw}px`;
  map.style.height = `${mh}px`;
  const ink = map.getContext("2d");
  ink.scale(ratio * scale, ratio * scale);
  for (const box of layout.boxes) {
    const node = nodes.get(box.key);
    ink.fillStyle = box.open ? colors.group : node.type === "variable" ? colors["input-line"]
      : colors[familyOf.get(mainNameOf(node)) ?? "elementwise"];
    ink.fillRect(box.x, box.y, box.w, box.h);
  }
  ink.strokeStyle = colors.accent;
  ink.lineWidth = 2 / scale;
  const x0 = Math.max(0, -view.x / view.scale), y0 = Math.max(0, -view.y / view.scale);
  const x1 = Math.min(mw / scale, (w - view.x) / view.scale), y1 = Math.min(mh / scale, (h - view.y) / view.scale);
  ink.strokeRect(x0, y0, x1 - x0, y1 - y0);
  return scale;
}

// The graph, and which part of it is to be seen: a group is either folded into one box or open.

const data = JSON.parse(document.getElementById("data").textContent);
const nodes = new Map(Object.entries(data.nodes).map(([key, node]) => [Number(key), node]));
const tensors = data.tensors;
const ROOT = -1;

// Of each node the group around it, and how many operations and parameters a group holds.
const parentOf = new Map();
const makerOf = new Map();
for (const [key, node] of nodes) {
  if (node.type === "group") for (const kid of node.kids) parentOf.set(kid, key);
  else for (const tensor of node.out) makerOf.set(tensor, key);
}
for (const key of data.root) parentOf.set(key, ROOT);

// Edges between operations and variables: [from, to, how often].
const edges = [];
const feeds = new Map([...nodes.keys()].map((key) => [key, []]));
const fedBy = new Map([...nodes.keys()].map((key) => [key, []]));
for (const [key, node] of nodes) {
  if (node.type !== "operation") continue;
  const sources = new Set(node.in.map((tensor) => makerOf.get(tensor)).filter((m) => m !== undefined));
  for (const source of sources) {
    edges.push([source, key]);
    feeds.get(source).push(key);
    fedBy.get(key).push(source);
  }
}

const kidsOf = (key) => (key === ROOT ? data.root : nodes.get(key).kids);
const isOpen = (key) => key === ROOT || nodes.get(key).open === true;
const isGroup = (key) => nodes.get(key)?.type === "group";

/** The groups around a node, the innermost first, the root last. */
function groupsAround(key) {
  const groups = [];
  for (let group = parentOf.get(key); group !== undefined; group = parentOf.get(group)) groups.push(group);
  return groups;
}

/** For each node the box that stands for it: itself, or the outermost folded group around it. */
function findBoxes() {
  const boxes = new Map();
  const visit = (key, box) => {
    const own = box ?? (isGroup(key) && isOpen(key) ? null : key);
    boxes.set(key, own ?? key);
    if (isGroup(key)) for (const kid of kidsOf(key)) visit(kid, own);
  };
  for (const key of data.root) visit(key, null);
  return boxes;
}

/** All operations and variables inside a node, itself if it is one. */
function* leavesOf(key) {
  const stack = [key];
  while (stack.length) {
    const next = stack.pop();
    if (isGroup(next)) stack.push(...kidsOf(next).slice().reverse());
    else yield next;
  }
}

const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
const shapeText = (shape) => (shape.length === 0 ? "()" : shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`);
const tensorText = (tensor) => `${shapeText(tensor.shape)} ${tensor.dtype}`;

const GRADIENT = 1, VALUE = 2;
/** Whether something in there is infinite or NaN: 0, or a gradient, or a value (and maybe both). */
function hasUnsound(key) {
  const node = nodes.get(key);
  node.unsound ??= Math.max(0, ...(node.type === "group" ? node.kids.map(hasUnsound)
    : node.out.map((tensor) => (tensors[tensor].data?.nonfinite ? VALUE : tensors[tensor].grad?.nonfinite ? GRADIENT : 0))));
  return node.unsound;
}

/** What a node is called: a name that the user gave, or the operation's. */
function titleOf(key) {
  const node = nodes.get(key);
  if (node.type === "variable") {
    const tensor = tensors[node.out[0]];
    return tensor.name || (tensor.kind === "parameter" ? "parameter" : "input");
  }
  return node.times > 1 && node.kind !== "range" ? `${node.name} ×${node.times.toLocaleString("en")}` : node.name;
}

/** The number that an operation takes besides its variables, as in x * 2. */
function constantsOf(node) {
  return node.in.map((tensor) => tensors[tensor]).filter((t) => t.kind === "constant").map((t) => t.name);
}

/** The second line of a box. */
function subtitleOf(key) {
  const node = nodes.get(key);
  if (node.type === "variable") return tensorText(tensors[node.out[0]]);
  if (node.type === "operation") {
    if (node.out.length !== 1) return count(node.out.length, "result");
    const tensor = tensors[node.out[0]];
    return (tensor.name ? `${tensor.name}: ` : "") + tensorText(tensor);
  }
  if (node.kind === "inputs" || (node.kind === "range" && Object.keys(node.names).length === 0)) {
    return tensorText(tensors[nodes.get(leavesOf(key).next().value).out[0]]);
  }
  const operations = Object.values(node.names).reduce((a, b) => a + b, 0);
  if (operations === 1) {
    const inner = [...leavesOf(key)].find((leaf) => nodes.get(leaf).type === "operation");
    const out = nodes.get(inner).out;
    return `${nodes.get(inner).name}${out.length ? ` ${tensorText(tensors[out[0]])}` : ""}`;
  }
  return (node.layer ? `${node.layer}, ` : "") + count(operations, "operation");
}

/** A sentence for those who listen. */
function spokenOf(key) {
  const node = nodes.get(key);
  const kind = node.type === "group"
    ? `${node.layer || { layer: "layer", inputs: "inputs", gradient: "gradient" }[node.kind] || "group"}, ${node.open ? "unfolded" : "folded"}`
    : node.type === "variable" ? tensors[node.out[0]].kind === "leaf" ? "input" : tensors[node.out[0]].kind : "operation";
  const warning = ["", ", holds gradients that are not finite", ", holds values that are not finite"][hasUnsound(key)];
  return `${titleOf(key)}, ${kind}, ${subtitleOf(key)}${warning}`;
}

// The details of a node: what is known of its values, where it was made, how the gradient passes.

const panel = document.getElementById("panel");
const details = document.getElementById("details");

/** Make an element. Text is never read as markup, whatever a name holds. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value);
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function makeSvg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const faint = (text) => make("span", { class: "faint" }, text);

/** A number as people read it: few digits, and powers of ten only where they help. */
function numberText(value) {
  if (value === null || value === undefined) return "—";
  const size = Math.abs(value);
  if (value === 0 || (Number.isInteger(value) && size < 1e7)) return value.toLocaleString("en");
  return size >= 1e-3 && size < 1e6 ? String(Number(value.toPrecision(5))) : value.toExponential(3);
}

const percent = (part, whole) => {
  const share = (100 * part) / whole;
  return part === 0 ? "0 %" : share < 0.1 ? "< 0.1 %" : `${Number(share.toPrecision(3))} %`;
};

function showDetails(key, goTo, toggle) {
  const node = nodes.get(key);
  details.replaceChildren(...[
    make("h2", { tabindex: "-1" }, titleOf(key)),
    crumbs(key, goTo),
    ...(node.type === "group" ? groupDetails(key, goTo, toggle)
      : node.type === "operation" ? operationDetails(key, goTo) : variableDetails(key, goTo)),
  ].filter(Boolean));
  panel.hidden = false;
  panel.scrollTop = 0;
}

function crumbs(key, goTo) {
  const groups = groupsAround(key).filter((group) => group !== ROOT).reverse();
  if (!groups.length) return null;
  return make("p", { class: "crumbs" }, "in ", ...groups.flatMap((group, i) => [i ? " › " : "", linkTo(group, goTo)]));
}

const linkTo = (key, goTo, text = titleOf(key)) => make("button", { class: "link", onclick: () => goTo(key) }, text);

function linkList(title, keys, goTo) {
  if (!keys.length) return [];
  const shown = keys.slice(0, 40).map((key) => make("li", {}, linkTo(key, goTo), faint(subtitleOf(key))));
  if (keys.length > shown.length) shown.push(make("li", { class: "faint" }, `and ${keys.length - shown.length} more`));
  return [make("h3", {}, title), make("ul", {}, ...shown)];
}

function groupDetails(key, goTo, toggle) {
  const node = nodes.get(key);
  const leaves = [...leavesOf(key)];
  const operations = leaves.filter((leaf) => nodes.get(leaf).type === "operation");
  const parameters = leaves.filter((leaf) => nodes.get(leaf).type === "variable" && tensors[nodes.get(leaf).out[0]].kind === "parameter");
  const weights = parameters.reduce((sum, leaf) => sum + tensors[nodes.get(leaf).out[0]].shape.reduce((a, b) => a * b, 1), 0);
  const words = {
    layer: node.layer ? `A layer of class ${node.layer}` : "A layer",
    gradient: "What the backward pass computed, recorded to be differentiated again",
    repeat: "What ran repeatedly", step: "One time of what ran repeatedly",
    range: "A part of a long row", inputs: "Inputs that look alike",
  }[node.kind];
  const only = operations.length === 1 ? operations[0] : null;
  return [
    make("p", {}, `${words}${node.times > 1 && node.kind !== "range" ? `, ${count(node.times, "time")}` : ""}.`),
    make("p", { class: "faint" }, [
      operations.length ? count(operations.length, "operation") : "",
      parameters.length ? `${count(parameters.length, "parameter")} with ${count(weights, "number")}` : "",
      leaves.length - operations.length - parameters.length ? count(leaves.length - operations.length - parameters.length, "input") : "",
    ].filter(Boolean).join(", ")),
    make("p", {}, make("button", { onclick: () => toggle(key) }, node.open ? "Fold" : "Unfold")),
    ...(hasUnsound(key) ? linkList("Not finite", leaves.filter((leaf) => hasUnsound(leaf)), goTo) : []),
    ...(only === null ? operationCounts(node) : operationDetails(only, goTo, true)),
    ...linkList("Parameters", parameters, goTo),
    ...linkList("Inside", kidsOf(key).filter((kid) => !parameters.includes(kid)), goTo),
  ];
}

function operationCounts(node) {
  const names = Object.entries(node.names);
  if (!names.length) return [];
  const rows = names.slice(0, 12).map(([name, times]) => make("li", {}, name, faint(`×${times.toLocaleString("en")}`)));
  if (names.length > 12) rows.push(make("li", { class: "faint" }, `and ${names.length - 12} more`));
  return [make("h3", {}, "Operations"), make("ul", {}, ...rows)];
}

function operationDetails(key, goTo, isNamed = false) {
  const node = nodes.get(key);
  const line = node.line === null ? null : data.lines[node.line];
  const settings = Object.entries(node.settings);
  const order = ["", "Computes a gradient", "Computes the gradient of a gradient"][Math.min(node.derivative, 2)];
  return [
    isNamed ? make("h3", {}, "Operation") : null,
    isNamed ? make("p", {}, linkTo(key, goTo)) : null,
    order ? make("p", { class: "faint" }, `${order}.`) : null,
    make("h3", {}, "Backward"),
    make("p", {}, data.rules[node.name] || "A rule of the program's own; its docstring would be shown here."),
    make("h3", {}, "Made by"),
    line
      ? make("div", { class: "source" },
        line.text ? make("code", {}, line.text) : null,
        make("p", { class: "faint" }, `${line.file}:${line.line}, in ${line.function}`))
      : make("p", { class: "faint" }, "Not recorded. Compute inside ", make("code", {}, "with record_details():"),
        ", from ", make("code", {}, "dezero_core.graph"), ", and this is your source line."),
    ...(settings.length ? [make("h3", {}, "Settings"),
      make("ul", {}, ...settings.map(([name, value]) => make("li", {}, make("code", {}, `${name} = ${value}`))))] : []),
    make("h3", {}, "Takes"),
    make("ul", {}, ...node.in.map((tensor) => operandRow(tensor, goTo))),
    ...(node.out.length > 1 ? [make("h3", {}, "Results")] : []),
    ...node.out.flatMap((tensor) => tensorDetails(tensor)),
    ...(isNamed ? [] : linkList("Goes to", feeds.get(key), goTo)),
  ];
}

function operandRow(key, goTo) {
  const tensor = tensors[key];
  const maker = makerOf.get(key);
  if (maker === undefined) return make("li", {}, make("code", {}, tensor.name), faint("a number"));
  return make("li", {}, linkTo(maker, goTo, tensor.name || titleOf(maker)), faint(tensorText(tensor)));
}

function variableDetails(key, goTo) {
  const tensor = tensors[nodes.get(key).out[0]];
  const words = { parameter: "A parameter: training changes it.", output: "An output.", leaf: "An input: nothing recorded led to it." }[tensor.kind];
  return [make("p", {}, words), ...tensorDetails(nodes.get(key).out[0]), ...linkList("Goes to", feeds.get(key), goTo)];
}

function tensorDetails(key) {
  const tensor = tensors[key];
  const isGiven = !["intermediate", "output"].includes(tensor.kind);
  return [
    make("h3", {}, "Value"),
    make("p", {}, make("strong", {}, tensor.name ? `${tensor.name} ` : ""), make("code", { class: "facts" }, tensorText(tensor))),
    ...(tensor.data ? arrayDetails(tensor.data, "value")
      : [make("p", { class: "faint" }, "Not held: no rule needs this array. ",
        make("code", {}, "with record_details(keep_values=True):"), " keeps those of all.")]),
    make("h3", {}, "Gradient"),
    ...(tensor.grad ? arrayDetails(tensor.grad, "gradient")
      : [make("p", { class: "faint" }, ...(isGiven
        ? ["None. Call ", make("code", {}, "backward()"), " before the page is written."]
        : ["Not kept. ", make("code", {}, "backward(retain_grad=True)"), " keeps those of all."]))]),
  ];
}

function arrayDetails(facts, what) {
  if (facts.size === 0) return [make("p", { class: "faint" }, "Empty: no elements.")];
  const cell = (name, value, id) => [make("th", { scope: "row" }, name), make("td", { "data-of": `${what} ${id}` }, value)];
  const table = make("table", { class: "statistics", "aria-label": `Statistics of the ${what}` },
    make("tr", {}, ...cell("min", numberText(facts.min), "min"), ...cell("max", numberText(facts.max), "max")),
    make("tr", {}, ...cell("mean", numberText(facts.mean), "mean"), ...cell("std", numberText(facts.std), "std")),
    make("tr", {}, ...cell("zeros", percent(facts.zeros, facts.size), "zeros"), ...cell("size", facts.size.toLocaleString("en"), "size")));
  return [
    facts.nonfinite ? make("p", { class: "warn" }, `⚠ ${count(facts.nonfinite, "element")} of ${facts.size.toLocaleString("en")} not finite`) : null,
    table,
    facts.size > 1 && facts.histogram ? histogram(facts, what) : null,
    facts.value !== null ? make("pre", { tabindex: "0", "aria-label": `Elements of the ${what}` }, facts.value) : null,
  ].filter(Boolean);
}

function histogram(facts, what) {
  const { low, high, counts, sample } = facts.histogram;
  const [w, h] = [340, 84];
  const highest = Math.max(...counts);
  const bar = w / counts.length;
  const ends = `${numberText(low)} to ${numberText(high)}`;
  const fill = what === "gradient" ? "var(--activation)" : "var(--product)";
  const bars = counts.map((number, i) => {
    const height = number ? Math.max(1, (number / highest) * (h - 4)) : 0;
    return makeSvg("rect", { x: i * bar + 0.5, y: h - height, width: Math.max(1, bar - 1), height, fill });
  });
  const zero = low < 0 && high > 0 ? [makeSvg("line", { x1: (-low / (high - low)) * w, x2: (-low / (high - low)) * w, y1: 0, y2: h, stroke: "var(--ink)", "stroke-dasharray": "2 3" })] : [];
  const text = (x, anchor, words) => makeSvg("text", { x, y: h + 15, "text-anchor": anchor, fill: "var(--faint)", "font-size": 12 }, words);
  const labels = low === high ? [text(w / 2, "middle", numberText(low))]
    : [text(0, "start", numberText(low)), text(w, "end", numberText(high)),
      ...(zero.length && Math.abs(-low / (high - low) - 0.5) < 0.25 ? [text((-low / (high - low)) * w, "middle", "0")] : [])];
  const picture = makeSvg("svg", { viewBox: `0 0 ${w} ${h + 20}`, role: "img", "aria-label": `Histogram of the ${what}, ${ends}, counts ${counts.join(" ")}` },
    ...bars, makeSvg("line", { x1: 0, x2: w, y1: h, y2: h, stroke: "var(--group-line)" }), ...zero, ...labels);
  const caption = sample < facts.size
    ? make("figcaption", {}, `Histogram of ${sample.toLocaleString("en")} of ${facts.size.toLocaleString("en")} elements, evenly spaced; the figures above are of all.`) : null;
  return make("figure", {}, picture, caption);
}

// Search by name, operation, shape, dtype or layer. Words are all to be found; "nan" finds trouble.

const searchBox = document.getElementById("search");
const results = document.getElementById("results");
const MOST_RESULTS = 60;

let haystacks = null;
function haystackOf(key) {
  const node = nodes.get(key);
  const parts = [titleOf(key), node.name ?? "", node.type, hasUnsound(key) ? "nan not finite" : ""];
  if (node.type === "group") parts.push(node.path, node.layer, node.kind);
  else {
    parts.push(node.scope ?? "");
    for (const tensor of node.out.map((out) => tensors[out])) {
      parts.push(tensor.name ?? "", tensorText(tensor), tensor.shape.join("x"), tensor.shape.join(","), tensor.kind);
    }
    if (node.line !== null && node.line !== undefined) parts.push(data.lines[node.line].text);
  }
  return parts.join(" ").toLowerCase().replaceAll(", ", ",");
}

/** Return the keys that match, best first: what is called so, then what begins so, then the rest. */
function find(query) {
  // A shape may be written with blanks: (30, 10).
  const words = query.toLowerCase().replace(/,\s+/g, ",").split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  haystacks ??= [...nodes.keys()].map((key) => [key, haystackOf(key)]);
  const text = words.join(" ");
  const rank = (key) => {
    const title = (nodes.get(key).name ?? titleOf(key)).toLowerCase();
    return (title === text ? 0 : title.startsWith(words[0]) ? 1 : 2) + (isGroup(key) ? 0 : 0.5);
  };
  const found = haystacks.filter(([, hay]) => words.every((word) => hay.includes(word))).map(([key]) => key);
  return found.map((key) => [rank(key), key]).sort((a, b) => a[0] - b[0]).map(([, key]) => key);
}

function listenToSearch(jump) {
  let found = [], current = 0;
  const close = () => {
    results.hidden = true;
    searchBox.setAttribute("aria-expanded", "false");
    searchBox.removeAttribute("aria-activedescendant");
  };
  const mark = (index) => {
    current = index;
    [...results.children].forEach((row, i) => row.setAttribute("aria-selected", i === index));
    searchBox.setAttribute("aria-activedescendant", `result-${index}`);
    results.children[index]?.scrollIntoView({ block: "nearest" });
  };
  const show = () => {
    found = find(searchBox.value);
    const shown = found.slice(0, MOST_RESULTS);
    const place = (key) => {
      const around = groupsAround(key).filter((g, i) => g !== ROOT && (i === 0 || ["layer", "gradient"].includes(nodes.get(g).kind))).reverse();
      return around.length ? `in ${around.map(titleOf).join(" › ")}` : "";
    };
    const rows = shown.map((key, i) => make("li", { role: "option", id: `result-${i}`, "aria-selected": "false", "data-key": key },
      headOf(key), " ", make("small", {}, [subtitleOf(key), place(key)].filter(Boolean).join(" "))));
    if (!shown.length) rows.push(make("li", { class: "none", role: "option", "aria-disabled": "true" }, "Nothing found"));
    else if (found.length > shown.length) rows.push(make("li", { class: "none", role: "option", "aria-disabled": "true" }, `and ${found.length - shown.length} more`));
    results.replaceChildren(...rows);
    results.hidden = !searchBox.value.trim();
    searchBox.setAttribute("aria-expanded", String(!results.hidden));
    if (shown.length) mark(0);
    announce(searchBox.value.trim() ? count(found.length, "result") : "");
  };
  searchBox.addEventListener("input", show);
  searchBox.addEventListener("focus", () => { if (searchBox.value.trim()) show(); });
  searchBox.addEventListener("blur", close);
  searchBox.addEventListener("keydown", (event) => {
    const last = Math.min(found.length, MOST_RESULTS) - 1;
    if (event.key === "ArrowDown" && last >= 0) mark(current === last ? 0 : current + 1);
    else if (event.key === "ArrowUp" && last >= 0) mark(current === 0 ? last : current - 1);
    else if (event.key === "Enter" && found.length) { const key = found[current]; close(); jump(key); }
    else if (event.key === "Escape") { close(); stage.focus(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  // Before the search box loses the focus, which closes the list.
  results.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    const row = event.target.closest("li[data-key]");
    if (row) { close(); jump(Number(row.dataset.key)); }
  });
}

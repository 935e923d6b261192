// Where things go. Layers of a drawing as by Sugiyama, Tagawa and Toda (1981), in four steps: turn
// around the edges that close circles, give each box a rank, order each rank so that few edges
// cross, choose coordinates. Each open group is laid out by itself and is then one large box in the
// group around it; edges pass its border at ports.

const GAP = { x: 22, y: 40, port: 10, dummy: 14 };
const FRAME = { side: 16, top: 36, bottom: 16 };

/** Lay out all that is to be seen: boxes with absolute places, and edges as lists of points. */
function layOut(sizeOf) {
  const boxes = findBoxes();
  const levels = collectSegments(boxes);
  const result = { boxes: [], edges: [], byKey: new Map() };

  const measure = (group) => {
    const items = kidsOf(group).map((key) => {
      if (!(isGroup(key) && isOpen(key))) return { key, ...sizeOf(key) };
      const inner = measure(key);
      return {
        key, inner,
        w: Math.max(inner.w + 2 * FRAME.side, sizeOf(key).w + 20),
        h: inner.h + FRAME.top + FRAME.bottom,
      };
    });
    const segments = levels.get(group) ?? new Map();
    const level = layOutLevel(items, [...segments.values()]);
    // What comes into an open group from below goes on dashed inside.
    for (const { segment, isReversed } of level.routes) {
      const inner = isReversed && items.find((item) => item.key === segment.to)?.inner;
      for (const route of inner?.routes ?? []) if (route.segment.from === `in ${segment.source}`) route.isBack = true;
    }
    return { items, ...level };
  };
  const place = (level, x0, y0, depth) => {
    for (const item of level.items) {
      const box = { key: item.key, x: x0 + item.x - item.w / 2, y: y0 + item.y - item.h / 2, w: item.w, h: item.h, depth, open: Boolean(item.inner) };
      result.boxes.push(box);
      result.byKey.set(item.key, box);
      if (item.inner) place(item.inner, box.x + (box.w - item.inner.w) / 2, box.y + FRAME.top, depth + 1);
    }
    for (const { segment, points, isReversed, isBack } of level.routes) {
      result.edges.push({
        from: segment.source, to: segment.targets, times: segment.times, isReversed, isBack: isReversed || isBack,
        arrow: segment.isLast, points: points.map(([x, y]) => [x0 + x, y0 + y]),
      });
    }
  };
  const outermost = measure(ROOT);
  place(outermost, 0, 0, 0);
  result.w = outermost.w;
  result.h = outermost.h;
  return result;
}

/** Cut each edge at the borders of open groups: for each group the pieces inside it. */
function collectSegments(boxes) {
  const levels = new Map();
  const add = (level, from, to, source, target, isLast) => {
    if (!levels.has(level)) levels.set(level, new Map());
    const name = `${from} ${to} ${source}`;
    const segments = levels.get(level);
    const segment = segments.get(name);
    if (segment) { segment.times += 1; segment.targets.add(target); }
    else segments.set(name, { from, to, source, targets: new Set([target]), times: 1, isLast });
  };
  for (const [u, v] of edges) {
    const source = boxes.get(u), target = boxes.get(v);
    if (source === target) continue;
    const up = [source, ...groupsAround(source)], down = [target, ...groupsAround(target)];
    // Off with the groups around both, down to the innermost one.
    while (up.length > 1 && down.length > 1 && up.at(-2) === down.at(-2)) { up.pop(); down.pop(); }
    const shared = up.pop();
    down.pop();
    for (let i = 0; i + 1 < up.length; i++) add(up[i + 1], up[i], `out ${source}`, source, target, false);
    add(shared, up.at(-1), down.at(-1), source, target, down.length === 1);
    for (let i = down.length - 1; i > 0; i--) add(down[i], `in ${source}`, down[i - 1], source, target, i === 1);
  }
  return levels;
}

/** Lay out one group. Places are centers, from the upper left corner of the group's inside. */
function layOutLevel(items, segments) {
  const vertices = new Map(items.map((item) => [item.key, item]));
  for (const segment of segments) {
    for (const [end, port] of [[segment.from, "in"], [segment.to, "out"]]) {
      if (!vertices.has(end)) vertices.set(end, { key: end, w: 0, h: 0, port, source: segment.source });
    }
  }
  const all = [...vertices.values()].sort((a, b) => (a.port === "in" ? 0 : 1) - (b.port === "in" ? 0 : 1));
  const links = segments.map((segment) => ({
    segment, from: vertices.get(segment.from), to: vertices.get(segment.to), isReversed: false,
  }));
  turnBackEdges(all, links);
  giveRanks(all, links);
  const { ranks, paths } = withDummies(all, links);
  order(ranks);
  const w = chooseX(ranks);
  const h = chooseY(ranks);
  const routes = links.map((link, i) => ({ segment: link.segment, isReversed: link.isReversed, points: route(link, paths[i]) }));
  // Open groups want to know where edges pass their border.
  const ports = new Map(all.filter((v) => v.port).map((v) => [`${v.port} ${v.source}`, v.x - w / 2]));
  return { w, h, routes, ports };
}

/** Mark the edges that lead back in time, found by going through in depth, and turn them around. */
function turnBackEdges(all, links) {
  for (const v of all) { v.out = []; v.in = []; v.state = 0; }
  for (const link of links) link.from.out.push(link);
  for (const start of all) {
    if (start.state) continue;
    const stack = [[start, 0]];
    start.state = 1;
    while (stack.length) {
      const top = stack.at(-1), [v, i] = top;
      if (i === v.out.length) { v.state = 2; stack.pop(); continue; }
      top[1] += 1;
      const link = v.out[i];
      if (link.to.state === 1) link.isReversed = true;
      else if (link.to.state === 0) { link.to.state = 1; stack.push([link.to, 0]); }
    }
  }
  for (const link of links) if (link.isReversed) [link.from, link.to] = [link.to, link.from];
  for (const v of all) { v.out = []; v.in = []; }
  for (const link of links) { link.from.out.push(link); link.to.in.push(link); }
}

/** Ranks: as early as possible; but what feeds one thing alone stands close to it. */
function giveRanks(all, links) {
  const sorted = [], waiting = new Map(all.map((v) => [v, v.in.length]));
  const ready = all.filter((v) => !v.in.length);
  while (sorted.length < ready.length) {
    const v = ready[sorted.length];
    sorted.push(v);
    for (const { to } of v.out) {
      waiting.set(to, waiting.get(to) - 1);
      if (!waiting.get(to)) ready.push(to);
    }
  }
  for (const v of sorted) {
    v.rank = v.port === "in" ? 0 : Math.max(1, ...v.in.map(({ from }) => from.rank + 1));
    v.canMove = !v.port && v.in.every(({ from }) => from.canMove && from.out.length === 1);
  }
  for (const v of sorted.slice().reverse()) {
    if (v.canMove && v.out.length) v.rank = Math.min(...v.out.map(({ to }) => to.rank - 1));
  }
  const last = Math.max(0, ...all.filter((v) => v.port !== "out").map((v) => v.rank));
  for (const v of all) if (v.port === "out") v.rank = last + 1;
}

/** Put a dummy into each rank that an edge passes; edges from the same box share them. */
function withDummies(all, links) {
  const ranks = [];
  const put = (v) => { (ranks[v.rank] ??= []).push(v); v.up = []; v.down = []; };
  all.forEach(put);
  const shared = new Map();
  const join = (a, b, sx, tx, pull) => {
    if (a.down.some((n) => n.v === b && n.shift === tx - sx)) return;
    const isPassing = a.isDummy && b.isDummy;
    const weight = isPassing ? 8 : (a.isDummy || b.isDummy ? 3 : 8) * pull;
    a.down.push({ v: b, weight, pull: isPassing ? 1 : pull, shift: tx - sx });
    b.up.push({ v: a, weight, pull: isPassing ? 1 : pull, shift: sx - tx });
  };
  const paths = links.map((link) => {
    // What feeds many, such as a weight used at each step, must not draw them out of their line.
    const fan = (link.isReversed ? link.to.in : link.from.out).length;
    const pull = 1 / fan;
    const path = [link.from];
    const [sx, tx] = borderShifts(link);
    for (let rank = link.from.rank + 1; rank < link.to.rank; rank++) {
      const name = `${link.from.key} ${link.segment.source} ${link.isReversed} ${rank}`;
      let dummy = shared.get(name);
      if (!dummy) {
        dummy = { isDummy: true, rank, w: 0, h: 0, lane: fan > 1 ? -1 : 1 };
        shared.set(name, dummy);
        put(dummy);
      }
      join(path.at(-1), dummy, path.length === 1 ? sx : 0, 0, pull);
      path.push(dummy);
    }
    join(path.at(-1), link.to, path.length === 1 ? sx : 0, tx, pull);
    return path.concat([link.to]);
  });
  return { ranks: Array.from(ranks, (rank) => rank ?? []), paths };
}

/** How far from the middle of its boxes an edge leaves and arrives: at the ports of open groups. */
function borderShifts({ from, to, segment, isReversed }) {
  if (isReversed) return [0, 0];
  return [
    from.inner?.ports.get(`out ${segment.source}`) ?? 0,
    to.inner?.ports.get(`in ${segment.source}`) ?? 0,
  ];
}

/** Order the ranks by the mean places of neighbors, up and down in turn, and keep the best. Several
 *  beginnings, as the method finds a near optimum only: with the edges that pass by where they
 *  came, or those of wide fans to the left and others to the right, or the other way round. */
function order(ranks) {
  const given = ranks.map((rank) => rank.slice());
  let best = null, fewest = Infinity;
  for (const side of [0, 1, -1]) {
    given.forEach((rank, i) => {
      ranks[i] = rank.slice().sort((a, b) => side * ((a.lane ?? 0) - (b.lane ?? 0)));
      number(ranks[i]);
    });
    for (let sweep = 0; sweep < 10 && fewest > 0; sweep++) {
      sortByNeighbors(ranks, sweep % 2 === 0);
      if (sweep % 2) exchangeNeighbors(ranks);
      const crossings = ranks.reduce((sum, rank) => sum + crossingsBelow(rank), 0);
      if (crossings < fewest) { fewest = crossings; best = ranks.map((rank) => rank.slice()); }
    }
  }
  best.forEach((rank, i) => { ranks[i] = rank; number(rank); });
}

const number = (rank) => rank.forEach((v, i) => { v.place = i; });

function sortByNeighbors(ranks, isDown) {
  const side = isDown ? "up" : "down";
  for (const rank of isDown ? ranks.slice(1) : ranks.slice(0, -1).reverse()) {
    for (const v of rank) {
      const sum = v[side].reduce((total, n) => total + n.pull * (n.v.place + n.shift / 1e5), 0);
      v.mean = v[side].length ? sum / v[side].reduce((total, n) => total + n.pull, 0) : v.place;
    }
    rank.sort((a, b) => a.mean - b.mean || a.place - b.place);
    number(rank);
  }
}

/** Exchange two that stand side by side wherever that takes crossings away. */
function exchangeNeighbors(ranks) {
  for (const rank of ranks) {
    for (let i = 0; i + 1 < rank.length; i++) {
      const [a, b] = [rank[i], rank[i + 1]];
      if (pairCrossings(a, b) <= pairCrossings(b, a)) continue;
      [rank[i], rank[i + 1]] = [b, a];
      number(rank);
    }
  }
}

/** Count the crossings of the edges of two with `a` to the left of `b`. */
function pairCrossings(a, b) {
  let crossings = 0;
  for (const side of ["up", "down"]) for (const m of a[side]) for (const n of b[side]) if (m.v.place > n.v.place) crossings += 1;
  return crossings;
}

/** Count the crossings between a rank and the next: pairs that are in another order below. */
function crossingsBelow(rank) {
  const ends = rank.flatMap((v) => v.down.map((n) => n.v.place).sort((a, b) => a - b));
  let crossings = 0;
  for (let i = 0; i < ends.length; i++) for (let j = i + 1; j < ends.length; j++) if (ends[i] > ends[j]) crossings += 1;
  return crossings;
}

/** Coordinates across: each box wants to be below its neighbors, none may overlap. */
function chooseX(ranks) {
  const gap = (a, b) => (a.port && b.port ? GAP.port : a.isDummy || b.isDummy ? GAP.dummy : GAP.x);
  for (const rank of ranks) {
    let offset = 0;
    rank.forEach((v, i) => {
      if (i) offset += (rank[i - 1].w + v.w) / 2 + gap(rank[i - 1], v);
      v.offset = offset;
      v.x = offset;
    });
    for (const v of rank) v.x -= offset / 2;
  }
  const settle = (rank, sides) => {
    const wants = rank.map((v) => {
      let sum = 0, weight = 0;
      for (const side of sides) for (const n of v[side]) { sum += n.weight * (n.v.x + n.shift); weight += n.weight; }
      return weight ? { at: sum / weight, weight } : { at: v.x, weight: 0.01 };
    });
    nearest(rank, wants);
  };
  for (let sweep = 0; sweep < 6; sweep++) {
    for (const rank of ranks) settle(rank, ["up"]);
    for (const rank of ranks.slice().reverse()) settle(rank, ["down"]);
  }
  for (const rank of ranks) settle(rank, ["up", "down"]);
  let low = Infinity, high = -Infinity;
  for (const v of ranks.flat()) { low = Math.min(low, v.x - v.w / 2); high = Math.max(high, v.x + v.w / 2); }
  if (low === Infinity) return 0;
  for (const v of ranks.flat()) v.x -= low;
  return high - low;
}

/** Places as near as possible, in least squares, to the wanted ones, in order and without overlap:
 *  isotonic regression, by pooling neighbors that are in each other's way. */
function nearest(rank, wants) {
  const pools = [];
  rank.forEach((v, i) => {
    let pool = { sum: wants[i].weight * (wants[i].at - v.offset), weight: wants[i].weight, length: 1 };
    while (pools.length && pools.at(-1).sum / pools.at(-1).weight > pool.sum / pool.weight) {
      const before = pools.pop();
      pool = { sum: pool.sum + before.sum, weight: pool.weight + before.weight, length: pool.length + before.length };
    }
    pools.push(pool);
  });
  let i = 0;
  for (const { sum, weight, length } of pools) for (let k = 0; k < length; k++, i++) rank[i].x = sum / weight + rank[i].offset;
}

/** Coordinates down: each rank as high as its highest box. */
function chooseY(ranks) {
  let y = 0;
  ranks.forEach((rank, i) => {
    if (!rank.length) return;
    const h = Math.max(...rank.map((v) => v.h));
    const isPorts = rank.every((v) => v.port);
    if (y || i > 1 || (i && ranks[0].length)) y += isPorts || (i === 1 && ranks[0].length) ? GAP.y / 2 : GAP.y;
    for (const v of rank) { v.y = y + h / 2; v.top = y; v.bottom = y + h; }
    y += h;
  });
  return y;
}

/** The points of an edge, along the data. It goes straight down past the boxes of a rank, and
 *  bends between ranks; at a port it goes on to the border of the group. */
function route(link, path) {
  const [sx, tx] = borderShifts(link);
  const { from, to } = link;
  const points = [[from.x + sx, from.y + from.h / 2]];
  if (from.port === "in") points.unshift([from.x, from.y - FRAME.top]);
  // A low box in a high rank: past its neighbors, too.
  if (from.bottom > from.y + from.h / 2 + 1) points.push([from.x + sx, from.bottom]);
  for (const v of path.slice(1, -1)) points.push([v.x, v.top], [v.x, v.bottom]);
  if (to.top < to.y - to.h / 2 - 1) points.push([to.x + tx, to.top]);
  points.push([to.x + tx, to.y - to.h / 2]);
  if (to.port === "out") points.push([to.x, to.y + FRAME.bottom]);
  return link.isReversed ? points.reverse() : points;
}

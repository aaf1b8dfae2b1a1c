// Mouse, fingers and keys.
const detail = document.getElementById("detail");

// choose tells of a bar, and brings it into view.
function choose(i, bring) {
  chosen = i;
  detail.replaceChildren();
  if (i < 0) {
    detail.textContent = count ? "Point at a bar, tap it, or use the arrow keys." : "";
    return redraw();
  }
  const from = bar(i, FROM), to = bar(i, TO), jobs = bar(i, JOBS), attempts = bar(i, ATTEMPTS);
  const precision = to - from < 10e6 ? 1e3 : 1e6;
  const name = document.createElement("b");
  name.textContent = data.names[i];
  const parts = [data.states[bar(i, STATE)], amount(bar(i, BYTES)), attempts + (attempts === 1 ? " attempt" : " attempts"),
    "worker " + (bar(i, LANE) + 1), clock(from, precision) + " to " + clock(to, precision) + " (" + lasting(to - from) + ")"];
  const waited = waits[bar(i, LANE)].filter((w) => w[0] < to && w[1] > from);
  if (waited.length) {
    const together = waited.reduce((sum, w) => sum + Math.min(w[1], to) - Math.max(w[0], from), 0);
    parts.push("waited " + lasting(together) + ", last for " + data.reasons[waited[waited.length - 1][2]]);
  }
  detail.append(name, (jobs > 1 ? " and " + (jobs - 1).toLocaleString("en") + " more" : "") + ": " + parts.join(", "));
  if (bring && (from < seen.from || to > seen.to)) {
    const width = Math.max(seen.to - seen.from, (to - from) * 1.5);
    show((from + to) / 2 - width / 2, (from + to) / 2 + width / 2);
  }
  redraw();
}

// barAt is the bar at a place of the canvas, or the nearest within a few pixels.
function barAt(x, y, reach) {
  const lane = Math.floor((y - AXIS) / laneHeight);
  if (lane < 0 || lane >= lanes.length || x < GUTTER) return -1;
  let best = -1, near = reach;
  for (let i = firstAfter(lane, timeAt(x - 2 * reach)); i < lanes[lane][1]; i++) {
    const from = across(bar(i, FROM)), to = across(bar(i, TO));
    if (from > x + reach) break;
    const off = Math.max(from - x, x - to, 0) - kinds[i] * reach / 4; // trouble is easier to hit
    if (off < near) { near = off; best = i; }
  }
  return best;
}

// step chooses the bar before or after, in the lane or in another.
function move(by, lanesBy) {
  if (!count) return;
  if (chosen < 0) return choose(lanes.map((l, k) => firstAfter(k, seen.from)).find((i, k) => i < lanes[k][1]) ?? 0, true);
  const lane = bar(chosen, LANE);
  if (by) {
    const i = chosen + by;
    return i >= lanes[lane][0] && i < lanes[lane][1] ? choose(i, true) : undefined;
  }
  for (let to = lane + lanesBy; to >= 0 && to < lanes.length; to += lanesBy) {
    if (lanes[to][1] === 0) continue;
    return choose(Math.min(firstAfter(to, bar(chosen, FROM)), lanes[to][1] - 1), true);
  }
}

// Bars with trouble, the worst kind there is, in order of time.
const worst = kinds.reduce((a, b) => Math.max(a, b), 0);
const troubles = [...kinds.keys()].filter((i) => kinds[i] > 0 && (kinds[i] >= 2 || worst === 1)).sort((a, b) => bar(a, FROM) - bar(b, FROM));

function nextTrouble(by) {
  if (!troubles.length) return;
  const at = troubles.indexOf(chosen);
  const next = at >= 0 ? at + by : by > 0 ? troubles.findIndex((i) => bar(i, TO) >= seen.from) : troubles.length - 1;
  const i = troubles[(next + troubles.length) % troubles.length];
  const width = Math.min(seen.to - seen.from, Math.max(took / 20, (bar(i, TO) - bar(i, FROM)) * 3));
  const middle = (bar(i, FROM) + bar(i, TO)) / 2;
  show(middle - width / 2, middle + width / 2);
  choose(i, false);
}

const middle = () => chosen >= 0 ? (bar(chosen, FROM) + bar(chosen, TO)) / 2 : (seen.from + seen.to) / 2;
const actions = {
  ArrowLeft: () => move(-1, 0), ArrowRight: () => move(1, 0), ArrowUp: () => move(0, -1), ArrowDown: () => move(0, 1),
  "+": () => zoom(0.5, middle()), "=": () => zoom(0.5, middle()), "-": () => zoom(2, middle()), 0: () => show(0, took),
  n: () => nextTrouble(1), p: () => nextTrouble(-1), Escape: () => choose(-1),
  Home: () => show(0, seen.to - seen.from), End: () => show(took - (seen.to - seen.from), took),
  PageUp: () => show(2 * seen.from - seen.to, seen.from), PageDown: () => show(seen.to, 2 * seen.to - seen.from),
};
chart.addEventListener("keydown", (e) => {
  const action = !e.ctrlKey && !e.metaKey && !e.altKey && (actions[e.key] || actions[e.key.toLowerCase()]);
  if (!action) return;
  e.preventDefault();
  action();
  redraw();
});
for (const [id, action] of [["in", actions["+"]], ["out", actions["-"]], ["all", actions[0]], ["trouble", actions.n]]) {
  document.getElementById(id).addEventListener("click", () => { action(); redraw(); });
}
document.getElementById("trouble").hidden = !troubles.length;

const place = (e) => { const box = canvas.getBoundingClientRect(); return [e.clientX - box.left, e.clientY - box.top]; };

// The wheel alone scrolls the page.
canvas.addEventListener("wheel", (e) => {
  const span = seen.to - seen.from, sideways = e.deltaX || (e.shiftKey ? e.deltaY : 0);
  if (e.ctrlKey || e.metaKey) zoom(Math.exp(Math.max(-1, Math.min(1, e.deltaY / 200))), timeAt(place(e)[0]));
  else if (sideways && span < took) show(seen.from + sideways / size.width * span, seen.to + sideways / size.width * span);
  else return;
  e.preventDefault();
  redraw();
}, { passive: false });

const fingers = new Map(); // by pointer: where it is
let moved = 0;
canvas.addEventListener("pointerdown", (e) => {
  fingers.set(e.pointerId, place(e));
  moved = 0;
  canvas.setPointerCapture(e.pointerId);
});
canvas.addEventListener("pointermove", (e) => {
  const at = place(e), was = fingers.get(e.pointerId);
  if (!was) {
    const i = barAt(at[0], at[1], 4);
    if (i !== chosen) choose(i);
    return;
  }
  moved += Math.abs(at[0] - was[0]);
  const span = seen.to - seen.from, perPixel = span / (size.width - GUTTER);
  if (fingers.size === 2) {
    const other = [...fingers].find(([id]) => id !== e.pointerId)[1];
    const before = Math.abs(was[0] - other[0]), after = Math.abs(at[0] - other[0]);
    if (before > 10 && after > 10) zoom(before / after, timeAt((at[0] + other[0]) / 2));
  } else if (moved > 4) {
    show(seen.from - (at[0] - was[0]) * perPixel, seen.to - (at[0] - was[0]) * perPixel);
  }
  fingers.set(e.pointerId, at);
  redraw();
});
for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, (e) => {
    if (name === "pointerup" && moved <= 4) choose(barAt(...place(e), e.pointerType === "mouse" ? 4 : 16));
    fingers.delete(e.pointerId);
  });
}
canvas.addEventListener("dblclick", (e) => { zoom(0.4, timeAt(place(e)[0])); redraw(); });

const goTo = (e) => {
  const box = overview.getBoundingClientRect(), span = seen.to - seen.from;
  const at = (e.clientX - box.left) / box.width * took;
  show(at - span / 2, at + span / 2);
  redraw();
};
overview.addEventListener("pointerdown", (e) => { overview.setPointerCapture(e.pointerId); goTo(e); });
overview.addEventListener("pointermove", (e) => { if (e.buttons) goTo(e); });

for (const part of document.querySelectorAll(".tools, #chart, #overview, #detail, .legend")) part.hidden = false;
readColours();
resize();
choose(-1);
new ResizeObserver(() => { if (inner() !== size.width) resize(); }).observe(chart);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); background = null; redraw(); });
matchMedia("print").addEventListener("change", resize);

// The drawing: one canvas, whatever the number of bars. Bars that would lie on
// the same pixel are drawn once.
const chart = document.getElementById("chart");
const canvas = document.getElementById("lanes");
const overview = document.getElementById("overview");
const AXIS = 22, GUTTER = 30;
const laneHeight = Math.max(7, Math.min(28, Math.floor(360 / lanes.length)));
const size = { width: 0, height: AXIS + lanes.length * laneHeight + 4 };
let colours = {};
let background = null; // the overview, without the window

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "card", "ink", "soft", "rule", "done", "again", "failed", "unknown", "wait", "outage", "idle", "focus"]) {
    colours[name] = style.getPropertyValue("--" + name).trim();
  }
}

// fit gives a canvas as many pixels as the screen has for it.
function fit(which, width, height) {
  const ratio = window.devicePixelRatio || 1;
  which.width = Math.round(width * ratio);
  which.height = Math.round(height * ratio);
  const pen = which.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return pen;
}

const across = (time) => GUTTER + (time - seen.from) / (seen.to - seen.from) * (size.width - GUTTER);
const timeAt = (x) => seen.from + (x - GUTTER) / (size.width - GUTTER) * (seen.to - seen.from);
const top_ = (lane) => AXIS + lane * laneHeight;

function draw() {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, size.width, size.height);
  drawLanes(pen);
  pen.save();
  pen.beginPath();
  pen.rect(GUTTER, 0, size.width - GUTTER, size.height);
  pen.clip();
  drawAxis(pen);
  const gap = laneHeight > 12 ? 3 : 1, marks = [];
  for (let lane = 0; lane < lanes.length; lane++) drawBars(pen, lane, top_(lane) + gap, laneHeight - 2 * gap, marks);
  drawOutages(pen, across, AXIS, size.height - AXIS - 4);
  for (const mark of marks) drawMark(pen, ...mark);
  drawChosen(pen);
  pen.restore();
  drawOverview();
  document.getElementById("window").textContent = clock(seen.from, 1e6) + " to " + clock(seen.to, 1e6) + ", " + lasting(seen.to - seen.from);
  document.getElementById("out").disabled = document.getElementById("all").disabled = seen.to - seen.from >= took;
  document.getElementById("in").disabled = seen.to - seen.from <= narrowest;
}

function drawLanes(pen) {
  pen.font = "12px system-ui, sans-serif";
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  const every = Math.ceil(14 / laneHeight);
  for (let lane = 0; lane < lanes.length; lane++) {
    pen.fillStyle = colours.idle;
    pen.fillRect(GUTTER, top_(lane) + 1, size.width - GUTTER, laneHeight - 2);
    pen.fillStyle = colours.soft;
    if (lane % every === 0) pen.fillText(lane + 1, GUTTER - 8, top_(lane) + laneHeight / 2);
  }
}

function drawAxis(pen) {
  const apart = step((size.width - GUTTER) / (data.days ? 130 : 90));
  pen.textAlign = "left";
  pen.strokeStyle = colours.rule;
  pen.lineWidth = 1;
  const begin = data.start * 1000; // marks stand at whole hours of the clock
  for (let t = Math.ceil((begin + seen.from) / apart) * apart - begin; t <= seen.to; t += apart) {
    const x = Math.round(across(t)) + 0.5;
    pen.beginPath();
    pen.moveTo(x, 4);
    pen.lineTo(x, size.height);
    pen.stroke();
    pen.fillStyle = colours.soft;
    const text = clock(t, apart);
    if (x + 4 + pen.measureText(text).width < size.width) pen.fillText(text, x + 4, AXIS / 2);
  }
}

// hatching makes the pattern of an outage: stripes that meet at its edges.
function hatching(pen) {
  const ratio = window.devicePixelRatio || 1, tile = document.createElement("canvas");
  const ink = fit(tile, 8, 8);
  ink.strokeStyle = colours.outage;
  ink.lineWidth = 1;
  ink.beginPath();
  for (const shift of [-8, 0, 8]) {
    ink.moveTo(shift - 1, 9);
    ink.lineTo(shift + 9, -1);
  }
  ink.stroke();
  const pattern = pen.createPattern(tile, "repeat");
  pattern.setTransform(new DOMMatrix().scale(1 / ratio));
  return pattern;
}

// drawOutages draws a band through all lanes for each time without a session.
function drawOutages(pen, place, y, height) {
  pen.save();
  const hatch = hatching(pen);
  for (let i = 0; i < data.outages.length; i += 3) {
    const from = place(data.outages[i]), to = Math.max(place(data.outages[i + 1]), from + 1);
    if (to < 0 || from > size.width) continue;
    pen.globalAlpha = 0.13;
    pen.fillStyle = colours.outage;
    pen.fillRect(from, y, to - from, height);
    if (to - from < 4) continue;
    pen.globalAlpha = 0.5;
    pen.fillStyle = hatch;
    pen.fillRect(from, y, to - from, height);
  }
  pen.restore();
}

// drawBars draws one lane, kind after kind, then cuts the waits out of the bars
// and leaves a thread of them. Bars so narrow that nobody could tell them apart
// are drawn as one.
function drawBars(pen, lane, y, height, marks) {
  const runs = KINDS.map(() => []); // by kind: left edges, and right edges after them
  const end = lanes[lane][1];
  for (let i = firstAfter(lane, seen.from); i < end && bar(i, FROM) < seen.to; i++) {
    const k = kinds[i], run = runs[k], last = run.length - 1;
    const from = across(bar(i, FROM)), to = Math.max(across(bar(i, TO)), from + (k > 1 ? 2 : 1));
    if (last > 0 && from - run[last] < 0.5 && to - from < 3) run[last] = Math.max(run[last], to);
    else run.push(from, to);
    if (k >= 2) marks.push([k, (Math.max(from, GUTTER) + Math.min(to, size.width)) / 2, y, height]);
  }
  runs.forEach((run, k) => {
    pen.fillStyle = colours[KINDS[k]];
    for (let i = 0; i < run.length; i += 2) pen.fillRect(run[i], y, run[i + 1] - run[i] - (run[i + 1] - run[i] > 4 ? 1 : 0), height);
  });
  drawWaits(pen, lane, y, height);
}

function drawWaits(pen, lane, y, height) {
  for (const [from, to] of waits[lane]) {
    if (to < seen.from || from > seen.to) continue;
    const x = across(from), width = across(to) - x;
    if (width < 1.5) continue;
    pen.fillStyle = colours.idle;
    pen.fillRect(x, y, width, height);
    pen.fillStyle = colours.wait;
    pen.fillRect(x, y + height / 2 - 0.75, width, 1.5);
  }
}

// drawMark says by its shape, not by its colour alone, what did not go well.
function drawMark(pen, k, x, y, height) {
  const r = Math.min(7, height / 2 + 2);
  pen.beginPath();
  if (k === 3) {
    pen.moveTo(x - r, y - 2); pen.lineTo(x + r, y - 2); pen.lineTo(x, y - 2 + 1.6 * r);
  } else {
    pen.moveTo(x, y + height / 2 - r); pen.lineTo(x + r, y + height / 2); pen.lineTo(x, y + height / 2 + r); pen.lineTo(x - r, y + height / 2);
  }
  pen.closePath();
  pen.fillStyle = colours[KINDS[k]];
  pen.fill();
  pen.save();
  pen.strokeStyle = colours.card;
  pen.lineWidth = 1.5;
  pen.stroke();
  pen.restore();
}

function drawChosen(pen) {
  if (chosen < 0) return;
  const from = across(bar(chosen, FROM)), to = Math.max(across(bar(chosen, TO)), from + 3);
  pen.strokeStyle = colours.ink;
  pen.lineWidth = 2;
  pen.strokeRect(from - 1, top_(bar(chosen, LANE)) + 1, to - from + 1, laneHeight - 2);
}

// drawOverview draws the whole run below, and what part of it is seen above.
function drawOverview() {
  const height = 30, width = overview.clientWidth;
  const place = (time) => time / took * width;
  if (!background || background.width !== overview.width) {
    background = document.createElement("canvas");
    const pen = fit(background, width, height);
    pen.fillStyle = colours.idle;
    pen.fillRect(0, 0, width, height);
    drawOutages(pen, place, 0, height);
    const row = (height - 6) / lanes.length;
    for (let k = 0; k < KINDS.length; k++) {
      pen.fillStyle = colours[KINDS[k]];
      for (let i = 0; i < count; i++) {
        if (kinds[i] !== k) continue;
        const from = place(bar(i, FROM));
        pen.fillRect(from, 3 + bar(i, LANE) * row, Math.max(place(bar(i, TO)) - from, 0.5), k >= 2 ? Math.max(row, 6) : Math.max(row - 0.5, 0.5));
      }
      if (k > 1) continue; // trouble is drawn above the waits
      pen.fillStyle = colours.idle;
      waits.forEach((list, lane) => list.forEach(([from, to]) => pen.fillRect(place(from), 3 + lane * row, place(to) - place(from), row)));
    }
  }
  const pen = overview.getContext("2d");
  const from = place(seen.from), to = Math.max(place(seen.to), from + 3);
  pen.clearRect(0, 0, width, height);
  pen.drawImage(background, 0, 0, width, height);
  pen.save();
  pen.globalAlpha = 0.6;
  pen.fillStyle = colours.paper;
  pen.fillRect(0, 0, from, height);
  pen.fillRect(to, 0, width - to, height);
  pen.restore();
  pen.strokeStyle = colours.soft;
  pen.lineWidth = 1.5;
  pen.strokeRect(from + 0.75, 0.75, to - from - 1.5, height - 1.5);
}

// inner is the width that the chart has for its canvas.
function inner() {
  const style = getComputedStyle(chart);
  return chart.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
}

function resize() {
  size.width = inner();
  canvas.style.height = size.height + "px";
  fit(canvas, size.width, size.height);
  fit(overview, overview.clientWidth, 30);
  background = null;
  draw();
}

let planned = false;
// redraw draws before the screen is shown next, once.
function redraw() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => { planned = false; draw(); });
}

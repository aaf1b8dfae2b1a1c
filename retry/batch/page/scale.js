"use strict";
// What there is to draw, and which part of it is seen. Times are microseconds
// since the run began.
const data = JSON.parse(document.getElementById("data").textContent);
const LANE = 0, FROM = 1, TO = 2, JOBS = 3, BYTES = 4, STATE = 5, ATTEMPTS = 6; // of a bar
const STATES = { done: data.states.indexOf("done"), failed: data.states.indexOf("failed"), unknown: data.states.indexOf("unknown") };
const took = Math.max(data.took, 1);
const count = data.names.length;
const seen = { from: 0, to: took };  // what the chart shows
const narrowest = Math.min(took, 1000);
let chosen = -1;                     // index of a bar; -1 = none

const bar = (i, what) => data.bars[7 * i + what];

// Bars come lane by lane, each in order of time: lanes[k] is [first, after last].
const lanes = Array.from({ length: Math.max(data.lanes, 1) }, () => [0, 0]);
for (let i = 0; i < count; i++) {
  const lane = lanes[bar(i, LANE)];
  if (!lane) continue;
  if (lane[1] === 0) lane[0] = i;
  lane[1] = i + 1;
}

const waits = lanes.map(() => []); // by lane: [from, to, reason]
for (let i = 0; i < data.waits.length; i += 4) {
  const lane = waits[data.waits[i]];
  if (lane) lane.push([data.waits[i + 1], data.waits[i + 2], data.waits[i + 3]]);
}

// kind is how a bar is drawn. What is worse comes later and is drawn above.
const KINDS = ["done", "again", "unknown", "failed"];
function kind(i) {
  const state = bar(i, STATE);
  if (state === STATES.failed) return 3;
  if (state === STATES.unknown) return 2;
  return bar(i, ATTEMPTS) > bar(i, JOBS) ? 1 : 0;
}
const kinds = new Uint8Array(count);
for (let i = 0; i < count; i++) kinds[i] = kind(i);

// firstAfter is the first bar of a lane that ends after a time.
function firstAfter(lane, time) {
  let [low, high] = lanes[lane];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bar(middle, TO) > time) high = middle; else low = middle + 1;
  }
  return low;
}

// show sets the part that is seen, within the run.
function show(from, to) {
  const width = Math.min(Math.max(to - from, narrowest), took);
  seen.from = Math.min(Math.max(from, 0), took - width);
  seen.to = seen.from + width;
}

// zoom makes the part that is seen longer or shorter; what is at a time stays.
function zoom(factor, time) {
  const width = (seen.to - seen.from) * factor;
  const share = (time - seen.from) / (seen.to - seen.from);
  show(time - share * width, time + (1 - share) * width);
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const two = (n) => String(n).padStart(2, "0");

// clock is a time of day, to the precision that a step on the axis has.
function clock(time, step) {
  const at = new Date(data.start + Math.floor(time / 1000));
  let text = two(at.getUTCHours()) + ":" + two(at.getUTCMinutes());
  if (step < 60e6) text += ":" + two(at.getUTCSeconds());
  if (step < 1e6) text += "." + String(at.getUTCMilliseconds()).padStart(3, "0");
  return data.days ? MONTHS[at.getUTCMonth()] + " " + at.getUTCDate() + " " + text : text;
}

function lasting(time) {
  if (time < 1000) return time > 0 ? "< 1 ms" : "0 s";
  if (time < 999500) return Math.round(time / 1000) + " ms";
  if (time < 59.95e6) return (time / 1e6).toFixed(1) + " s";
  const s = Math.round(time / 1e6);
  if (s < 3600) return Math.floor(s / 60) + "m " + two(s % 60) + "s";
  if (s < 86400) return Math.floor(s / 3600) + "h " + two(Math.floor(s / 60) % 60) + "m";
  return Math.floor(s / 86400) + "d " + two(Math.floor(s / 3600) % 24) + "h";
}

function amount(bytes) {
  if (bytes < 10240) return bytes.toLocaleString("en") + " B";
  let unit = 0;
  for (bytes /= 1024; bytes >= 1000 && unit < 5; unit++) bytes /= 1024;
  return bytes.toFixed(bytes < 9.95 ? 1 : 0) + " " + ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][unit];
}

const STEPS = [1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 1.5e7, 3e7, 6e7, 1.2e8, 3e8, 6e8, 9e8, 1.8e9, 3.6e9, 7.2e9, 1.08e10, 2.16e10, 4.32e10, 8.64e10];

// step is how far marks on the axis are apart, of which so many have room.
function step(room) {
  const least = (seen.to - seen.from) / Math.max(room, 1);
  return STEPS.find((s) => s >= least) || Math.ceil(least / 8.64e10) * 8.64e10;
}

// The pool on a canvas. Points are counted by pixel, so that 100,000 of them take milliseconds and dense places show.
const data = JSON.parse(document.getElementById("data").textContent);
const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0)).buffer;
const places = new Uint16Array(bytes(data.places));
const nearest = new Uint32Array(bytes(data.nearest));
const distances = new Uint16Array(bytes(data.distances));
const norms = new Uint16Array(bytes(data.norms));
const rows = data.rows ? new Uint32Array(bytes(data.rows)) : null;
const count = places.length / 2;
const rowOf = point => rows ? rows[point] : point;
const rankOf = new Map(data.picks.map(([row], i) => [row, i]));

// The point of a row, or -1 where the row is not drawn.
function pointOf(row) {
  if (!rows) return row < count ? row : -1;
  let low = 0, high = rows.length;
  while (low < high) { const middle = (low + high) >> 1; if (rows[middle] < row) low = middle + 1; else high = middle; }
  return rows[low] === row ? low : -1;
}

const canvas = document.getElementById("map");
const pen = canvas.getContext("2d");
const margin = 24;
const view = { zoom: 1, x: 0, y: 0, color: "density" };
const bounds = [65535, 0, 65535, 0];
for (let i = 0; i < count; i++) {
  bounds[0] = Math.min(bounds[0], places[2 * i]); bounds[1] = Math.max(bounds[1], places[2 * i]);
  bounds[2] = Math.min(bounds[2], places[2 * i + 1]); bounds[3] = Math.max(bounds[3], places[2 * i + 1]);
}

// From a point to the canvas: the whole pool fits at zoom 1, its shape kept.
function frame() {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const fit = Math.min((width - 2 * margin) / Math.max(1, bounds[1] - bounds[0]), (height - 2 * margin) / Math.max(1, bounds[3] - bounds[2]));
  const scale = fit * view.zoom;
  return { width, height, scale, left: width / 2 - view.x - (bounds[0] + bounds[1]) / 2 * scale, top: height / 2 - view.y + (bounds[2] + bounds[3]) / 2 * scale };
}
const spot = (at, point) => [at.left + places[2 * point] * at.scale, at.top - places[2 * point + 1] * at.scale];
const inside = (at, [x, y]) => x >= 0 && y >= 0 && x < at.width && y < at.height;

const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function color(name) {
  probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
  probe.fillRect(0, 0, 1, 1);
  return probe.getImageData(0, 0, 1, 1).data;
}

// Colors part the middle 90 % of the distances; what lies beyond has the color of the end.
const sorted = distances.slice().sort();
const nearEnd = count ? sorted[Math.floor(0.05 * (count - 1))] : 0, farEnd = count ? sorted[Math.floor(0.95 * (count - 1))] : 1;

let chosen = -1;
function draw() {
  const ratio = window.devicePixelRatio || 1, at = frame();
  const [width, height] = [Math.round(at.width * ratio), Math.round(at.height * ratio)];
  if (!width || !height) return;
  canvas.width = width; canvas.height = height;
  const dot = Math.max(1, Math.round(ratio * Math.min(6, (count > 30000 ? 1.3 : count > 4000 ? 2.2 : 3.4) * Math.sqrt(Math.max(1, view.zoom / 2)))));
  const counts = new Float32Array(width * height), far = new Float32Array(width * height);
  let drawn = 0;
  for (let i = 0; i < count; i++) {
    const x = Math.round((at.left + places[2 * i] * at.scale) * ratio - dot / 2), y = Math.round((at.top - places[2 * i + 1] * at.scale) * ratio - dot / 2);
    if (x < 0 || y < 0 || x + dot > width || y + dot > height) continue;
    drawn++;
    for (let v = y; v < y + dot; v++) for (let u = x; u < x + dot; u++) { counts[v * width + u] += 1; far[v * width + u] += distances[i]; }
  }
  const image = pen.createImageData(width, height), pixels = image.data;
  const near = color("--soft"), low = color("--map-low"), high = color("--map-high"), byDistance = view.color === "distance";
  const base = count > 30000 ? 0.30 : 0.45;
  for (let p = 0; p < counts.length; p++) {
    if (!counts[p]) continue;
    const share = byDistance ? Math.min(1, Math.max(0, (far[p] / counts[p] - nearEnd) / Math.max(1, farEnd - nearEnd))) : 0;
    for (let c = 0; c < 3; c++) pixels[4 * p + c] = byDistance ? low[c] + (high[c] - low[c]) * share : near[c];
    pixels[4 * p + 3] = 255 * (byDistance ? Math.max(0.55, 1 - Math.pow(1 - base, counts[p])) : 1 - Math.pow(1 - base, counts[p]));
  }
  pen.putImageData(image, 0, 0);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  drawPicks(at);
  canvas.dataset.drawn = drawn;
}

function drawPicks(at) {
  const css = name => getComputedStyle(document.documentElement).getPropertyValue(name);
  const accent = css("--accent"), paper = css("--paper"), ink = css("--ink");
  const seen = [];
  data.picks.forEach(([row], rank) => {
    const point = pointOf(row);
    if (point < 0) return;
    const place = spot(at, point);
    if (inside(at, place)) seen.push([rank, place]);
  });
  const numbered = seen.length <= 120, plain = seen.length > 1000 ? 2.6 : 4;
  const radius = numbered ? [8.5, 8.5, 10.5, 13, 15.5][String(1 + Math.max(0, ...seen.map(([rank]) => rank))).length - 1] ?? 18 : plain;
  pen.textAlign = "center"; pen.textBaseline = "middle"; pen.font = "600 10px system-ui, sans-serif";
  // The first picks lie on top.
  for (const [rank, [x, y]] of seen.reverse()) {
    pen.beginPath(); pen.arc(x, y, radius, 0, 7);
    pen.fillStyle = accent; pen.fill();
    pen.lineWidth = 1; pen.strokeStyle = paper; pen.stroke();
    if (numbered) { pen.fillStyle = paper; pen.fillText(rank + 1, x, y + 0.5); }
  }
  const point = chosen < 0 ? -1 : pointOf(chosen);
  if (point >= 0) {
    const [x, y] = spot(at, point);
    pen.lineWidth = 2.5; pen.strokeStyle = ink;
    pen.beginPath(); pen.arc(x, y, rankOf.has(chosen) ? radius + 4 : 8, 0, 7); pen.stroke();
  }
  canvas.dataset.picks = seen.length;
}

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
}

// The row at a place of the canvas, a pick rather than others; -1 where nothing is near.
function rowAt(x, y) {
  const at = frame();
  let best = -1, least = 12 * 12;
  data.picks.forEach(([row]) => {
    const point = pointOf(row);
    if (point < 0) return;
    const [u, v] = spot(at, point), far = (u - x) ** 2 + (v - y) ** 2;
    if (far < least) { least = far; best = row; }
  });
  if (best >= 0) return best;
  for (let i = 0; i < count; i++) {
    const u = at.left + places[2 * i] * at.scale - x, v = at.top - places[2 * i + 1] * at.scale - y, far = u * u + v * v;
    if (far < least) { least = far; best = i; }
  }
  return best < 0 ? -1 : rowOf(best);
}

function zoomBy(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  const zoom = factor === 0 ? 1 : Math.min(200, Math.max(1, view.zoom * factor));
  const dx = x - canvas.clientWidth / 2, dy = y - canvas.clientHeight / 2, grown = zoom / view.zoom;
  view.x = zoom === 1 ? 0 : (view.x + dx) * grown - dx; view.y = zoom === 1 ? 0 : (view.y + dy) * grown - dy;
  view.zoom = zoom;
  canvas.classList.toggle("zoomed", zoom > 1);
  redraw();
}

// Brings a row into sight if it is not.
function bringIn(row) {
  const point = pointOf(row);
  if (point < 0) return;
  const at = frame(), [x, y] = spot(at, point);
  if (inside(at, [x, y])) return;
  view.x += x - at.width / 2; view.y += y - at.height / 2;
}

const pointers = new Map();
let moved = 0;
canvas.addEventListener("pointerdown", event => { pointers.set(event.pointerId, [event.clientX, event.clientY]); moved = 0; canvas.setPointerCapture(event.pointerId); });
canvas.addEventListener("pointermove", event => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
  const now = [event.clientX, event.clientY], step = Math.hypot(now[0] - before[0], now[1] - before[1]);
  moved += step;
  if (others.length === 1) {
    const box = canvas.getBoundingClientRect(), far = place => Math.hypot(place[0] - others[0][0], place[1] - others[0][1]);
    zoomBy(far(now) / Math.max(1, far(before)), (now[0] + others[0][0]) / 2 - box.left, (now[1] + others[0][1]) / 2 - box.top);
  } else if (view.zoom > 1 && moved > 4) { view.x -= now[0] - before[0]; view.y -= now[1] - before[1]; redraw(); }
  pointers.set(event.pointerId, now);
});
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, event => pointers.delete(event.pointerId));
// The wheel belongs to the page until the map is chosen or a key is held.
canvas.addEventListener("wheel", event => {
  if (!(event.ctrlKey || event.metaKey || document.activeElement === canvas)) return;
  event.preventDefault();
  const box = canvas.getBoundingClientRect();
  zoomBy(Math.exp(-event.deltaY * 0.002), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
window.addEventListener("resize", redraw);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

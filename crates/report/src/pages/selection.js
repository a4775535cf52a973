// What is shown of a chosen row, and how rows are chosen.
const detail = document.getElementById("chosen"), tip = document.getElementById("tip");
const make = (tag, parent, text, name) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (name) element.className = name;
  parent.append(element);
  return element;
};
const picture = (parent, row, name) => {
  const image = make("img", parent, undefined, name);
  image.src = data.pictures[row]; image.alt = `row ${row}`;
};
const digits = value => Number(value.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 });

for (const image of document.querySelectorAll("img[data-picture]")) {
  const source = data.pictures[image.dataset.picture];
  if (source) image.src = source; else image.replaceWith(document.createTextNode(image.dataset.picture));
}

// The rows nearest on the map, for rows whose neighbors in the pool were not worked out.
function aroundOnMap(row, most = 6) {
  const own = pointOf(row), near = [];
  if (own < 0) return near;
  for (let i = 0; i < count; i++) {
    if (i === own) continue;
    const far = (places[2 * i] - places[2 * own]) ** 2 + (places[2 * i + 1] - places[2 * own + 1]) ** 2;
    if (near.length < most || far < near[near.length - 1][0]) {
      near.push([far, i]); near.sort((a, b) => a[0] - b[0]); near.length = Math.min(near.length, most);
    }
  }
  return near.map(([, point]) => [rowOf(point), ""]);
}

function list(title, near) {
  if (!near.length) return;
  make("h3", detail, title);
  const items = make("ul", detail, undefined, "near");
  for (const [row, distance] of near) {
    const button = make("button", make("li", items));
    button.type = "button"; button.dataset.show = row; button.title = `row ${row}`;
    if (data.pictures[row]) { button.className = "tile"; picture(button, row, "thumb"); } else make("span", button, row);
    if (distance) make("small", button, distance);
    if (data.texts[row]) { items.classList.add("long"); make("small", button, data.texts[row].slice(0, 90)); }
  }
}

function choose(row, jump = false) {
  chosen = row;
  const rank = rankOf.get(row), point = pointOf(row), pick = rank === undefined ? null : data.picks[rank];
  detail.replaceChildren();
  detail.dataset.row = row;
  make("h2", detail, pick ? `Pick ${rank + 1}` : `Row ${row}`);
  if (data.pictures[row]) picture(detail, row, "large");
  if (data.texts[row]) make("blockquote", detail, data.texts[row]);
  const facts = make("dl", detail);
  const fact = (name, value) => { make("dt", facts, name); return make("dd", facts, value); };
  fact("row", row);
  if (data.ids[row] !== undefined) fact("id", data.ids[row]);
  if (pick) { if (pick[1]) fact("score", pick[1]); if (pick[2]) fact("reason", pick[2]); }
  if (point >= 0) {
    fact("norm", digits(norms[point] / 65535 * data.longest));
    if (!pick) {
      const other = data.picks[nearest[point]], cell = fact("nearest pick", "");
      const button = make("button", cell, `${nearest[point] + 1}`);
      button.type = "button"; button.dataset.show = other[0];
      cell.append(` at distance ${digits(distances[point] / 65535 * data.farthest)}`);
    }
  }
  if (pick && pick[3].length) list("nearest in the pool, with distance", pick[3]);
  else list("nearest on the map", aroundOnMap(row));
  for (const line of document.querySelectorAll("#picks tbody tr")) line.classList.toggle("chosen", Number(line.dataset.row) === row);
  if (jump) bringIn(row);
  redraw();
}

document.addEventListener("click", event => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.show !== undefined) choose(Number(button.dataset.show), true);
  if (button.dataset.zoom !== undefined) zoomBy(Number(button.dataset.zoom));
  if (button.dataset.step !== undefined) step(Number(button.dataset.step));
  if (button.dataset.color) {
    view.color = button.dataset.color;
    document.querySelectorAll("[data-color]").forEach(other => other.setAttribute("aria-pressed", String(other === button)));
    redraw();
  }
  if (button.id === "more") { document.getElementById("picks").classList.add("all"); button.parentElement.remove(); }
});

function step(by) {
  const rank = rankOf.get(chosen), size = data.picks.length;
  choose(data.picks[rank === undefined ? (by > 0 ? 0 : size - 1) : (rank + by + size) % size][0], true);
}

canvas.addEventListener("click", event => {
  if (moved > 4) return;
  canvas.focus({ preventScroll: true });
  const box = canvas.getBoundingClientRect(), row = rowAt(event.clientX - box.left, event.clientY - box.top);
  if (row >= 0) choose(row);
});
canvas.addEventListener("keydown", event => {
  const pan = { ArrowLeft: [-60, 0], ArrowRight: [60, 0], ArrowUp: [0, -60], ArrowDown: [0, 60] }[event.key];
  if (pan) { view.x += pan[0]; view.y += pan[1]; redraw(); }
  else if (event.key === "+" || event.key === "=") zoomBy(1.5);
  else if (event.key === "-") zoomBy(1 / 1.5);
  else if (event.key === "0") zoomBy(0);
  else if (event.key === "n" || event.key === "p") step(event.key === "n" ? 1 : -1);
  else return;
  event.preventDefault();
});

let pointing = false;
canvas.addEventListener("mousemove", event => {
  if (pointing || event.buttons) return;
  pointing = true;
  requestAnimationFrame(() => {
    pointing = false;
    const box = canvas.getBoundingClientRect(), row = rowAt(event.clientX - box.left, event.clientY - box.top);
    tip.style.display = row < 0 ? "none" : "block";
    if (row < 0) return;
    tip.replaceChildren();
    if (data.pictures[row]) picture(tip, row);
    const rank = rankOf.get(row);
    make("b", tip, rank === undefined ? `row ${row}` : `pick ${rank + 1}, row ${row}`);
    const more = data.texts[row] ? data.texts[row].slice(0, 140) : rank === undefined ? "" : data.picks[rank][2];
    if (more) make("div", tip, more);
    tip.style.left = Math.max(4, Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8)) + "px";
    tip.style.top = Math.max(4, Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 8)) + "px";
  });
});
canvas.addEventListener("mouseleave", () => { tip.style.display = "none"; });

draw();
if (data.picks.length) choose(data.picks[0][0]);

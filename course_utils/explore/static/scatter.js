import { PAPER, calm, readable, sized } from "./explorer.js";

// A map of many points on plain Canvas-2D. Markers are drawn once each into small stamps; a frame mixes stamps into
// one block of pixels and hands it over whole. That keeps 20,000 points below a frame's 16 ms without a graphics card.

/** How a point is drawn, later ones above: not among those shown, beside a selection, as it is, selected. */
export const LOOK = { FAINT: 0, REST: 1, SHOWN: 2, PICKED: 3 };
const COVER = [0.13, 0.4, 1, 1];

/** What a class looks like on paper: its fill, and an outline that is seen. Black turns white in the dark. */
export function inks(colour, theme) {
  if (theme === "light") return { fill: colour, rim: readable(colour, theme) };
  const rim = colour === "#000000" ? "#ffffff" : readable(colour, theme);
  return { fill: rim, rim };
}

/** A marker as the pixels it covers: places relative to its centre, colours, and how far they cover. */
function stamp(colour, hollow, radius, theme, look) {
  const reach = Math.ceil(radius + 3), side = 2 * reach + 1;
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.translate(reach + 0.5, reach + 0.5);
  pen.globalAlpha = COVER[look];
  pen.lineJoin = "round";
  const outline = () => {
    pen.beginPath();
    if (!hollow) return pen.arc(0, 0, radius, 0, 7);
    const r = radius * 1.32; // a triangle of the circle's area
    pen.moveTo(0, -r);
    pen.lineTo(r * 0.87, r * 0.55);
    pen.lineTo(-r * 0.87, r * 0.55);
    pen.closePath();
  };
  outline();
  if (look === LOOK.PICKED) {
    pen.strokeStyle = theme === "dark" ? "#ffffff" : "#000000";
    pen.lineWidth = Math.max(2.4, radius);
    pen.stroke();
  }
  const { fill, rim } = inks(colour, theme);
  pen.strokeStyle = rim;
  if (hollow) {
    if (look === LOOK.PICKED) { pen.fillStyle = PAPER[theme]; pen.fill(); }
    pen.lineWidth = Math.max(1.1, radius * 0.42);
  } else {
    pen.fillStyle = fill;
    pen.fill();
    pen.lineWidth = Math.max(0.6, radius * 0.2);
  }
  pen.stroke();
  const { data } = pen.getImageData(0, 0, side, side);
  const covered = [];
  for (let i = 0; i < side * side; i++) if (data[4 * i + 3] > 4) covered.push(i);
  return {
    dx: Int16Array.from(covered, (i) => (i % side) - reach),
    dy: Int16Array.from(covered, (i) => Math.floor(i / side) - reach),
    ink: Uint8Array.from(covered.flatMap((i) => [...data.subarray(4 * i, 4 * i + 4)])),
  };
}

export class Scatter {
  /**
   * @param {{labels: ArrayLike<number>, n: number, colours: string[]}} data the first n points are source (filled)
   */
  constructor({ labels, n, colours }) {
    Object.assign(this, { labels, n, colours, count: labels.length });
    this.canvas = document.createElement("canvas");
    this.x = new Float32Array(this.count);
    this.y = new Float32Array(this.count);
    this.now = new Float32Array(2 * this.count); // where the points are on the way between two maps
    this.looks = new Uint8Array(this.count).fill(LOOK.SHOWN);
    // neither domain lies above the other: the order on the map is a fixed shuffle
    this.order = Uint32Array.from({ length: this.count }, (_, i) => i)
      .sort((a, b) => ((a * 2654435761) >>> 0) - ((b * 2654435761) >>> 0));
  }

  /** The radius of a marker in CSS pixels: less, the more there are. */
  get radius() { return Math.max(1.6, Math.min(4.2, this.side / 7 / Math.sqrt(this.count))); }

  resize(side, theme) {
    this.side = side;
    this.sharp = window.devicePixelRatio || 1;
    this.context = sized(this.canvas, side, side, { alpha: false, willReadFrequently: true });
    const pixels = this.canvas.width;
    this.image = this.context.createImageData(pixels, pixels);
    this.paper = new Uint32Array(this.image.data.buffer);
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(PAPER[theme].slice(at, at + 2), 16));
    this.blank = (0xff000000 | (b << 16) | (g << 8) | r) >>> 0; // the bytes of the paper, lowest first
    this.pad = Math.ceil(this.radius * 1.4 + 4);
    const radius = this.radius * this.sharp;
    this.stamps = [false, true].map((hollow) => this.colours.map((colour) => Object.values(LOOK).map((look) => {
      const made = stamp(colour, hollow, radius, theme, look);
      return { ink: made.ink, places: Int32Array.from(made.dx, (dx, i) => 4 * (made.dy[i] * pixels + dx)) };
    })));
    this.lay();
  }

  /** Puts the points at a share of the way between two maps (x and y by turns, 0 to 65520). */
  place(from, to, share) {
    for (let i = 0; i < this.now.length; i++) this.now[i] = from[i] + share * (to[i] - from[i]);
    this.lay();
  }

  /** From the map's square to CSS pixels. */
  lay() {
    const scale = (this.side - 2 * this.pad) / 65520;
    for (let i = 0; i < this.count; i++) {
      this.x[i] = this.pad + scale * this.now[2 * i];
      this.y[i] = this.pad + scale * this.now[2 * i + 1];
    }
    this.grid = null;
  }

  paint() {
    this.paper.fill(this.blank);
    const pixels = this.image.data, width = this.canvas.width, { sharp, colours } = this;
    for (const layer of Object.values(LOOK)) {
      for (const i of this.order) {
        if (this.looks[i] !== layer) continue;
        const { places, ink } = this.stamps[i < this.n ? 0 : 1][this.labels[i] % colours.length][layer];
        const centre = 4 * (Math.round(this.y[i] * sharp) * width + Math.round(this.x[i] * sharp));
        for (let k = 0; k < places.length; k++) {
          const at = centre + places[k], cover = ink[4 * k + 3];
          if (cover === 255) {
            pixels[at] = ink[4 * k]; pixels[at + 1] = ink[4 * k + 1]; pixels[at + 2] = ink[4 * k + 2];
          } else {
            pixels[at] += ((ink[4 * k] - pixels[at]) * cover) >> 8;
            pixels[at + 1] += ((ink[4 * k + 1] - pixels[at + 1]) * cover) >> 8;
            pixels[at + 2] += ((ink[4 * k + 2] - pixels[at + 2]) * cover) >> 8;
          }
        }
      }
    }
    this.context.putImageData(this.image, 0, 0);
  }

  /** The visible point nearest to a place, within a reach in CSS pixels; -1 if there is none. */
  nearest(x, y, reach = 14) {
    this.grid ??= new Grid(this, 16);
    let best = -1, shortest = reach * reach;
    for (const i of this.grid.around(x, y, reach)) {
      const far = (this.x[i] - x) ** 2 + (this.y[i] - y) ** 2;
      if (this.looks[i] >= LOOK.REST && far < shortest) [best, shortest] = [i, far];
    }
    return best;
  }

  /** The visible point that lies nearest in a direction (dx, dy) from another, favouring straight ahead. */
  towards(i, dx, dy) {
    let best = i, shortest = Infinity;
    for (let j = 0; j < this.count; j++) {
      const along = (this.x[j] - this.x[i]) * dx + (this.y[j] - this.y[i]) * dy;
      const aside = Math.abs((this.x[j] - this.x[i]) * dy) + Math.abs((this.y[j] - this.y[i]) * dx);
      const far = along + 2 * aside;
      if (j !== i && this.looks[j] >= LOOK.REST && along > 0 && far < shortest) [best, shortest] = [j, far];
    }
    return best;
  }

  /** The visible points inside a polygon [[x, y], ...]. */
  within(polygon) {
    const inside = [];
    for (let i = 0; i < this.count; i++) {
      if (this.looks[i] < LOOK.REST) continue;
      let odd = false;
      for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
        const [ax, ay] = polygon[a], [bx, by] = polygon[b];
        if (ay > this.y[i] !== by > this.y[i] && this.x[i] < ((bx - ax) * (this.y[i] - ay)) / (by - ay) + ax) odd = !odd;
      }
      if (odd) inside.push(i);
    }
    return inside;
  }
}

/** Points by square cells, so that a question about a place looks at a few of them. */
class Grid {
  constructor({ x, y, side, count }, cell) {
    this.cell = cell;
    this.across = Math.ceil(side / cell) + 1;
    const cells = Uint32Array.from(x, (value, i) => Math.floor(y[i] / cell) * this.across + Math.floor(value / cell));
    this.starts = new Uint32Array(this.across * this.across + 1);
    for (const c of cells) this.starts[c + 1]++;
    for (let c = 0; c < this.starts.length - 1; c++) this.starts[c + 1] += this.starts[c];
    this.points = new Uint32Array(count);
    const next = this.starts.slice();
    cells.forEach((c, i) => { this.points[next[c]++] = i; });
  }

  *around(x, y, reach) {
    const cells = (value) => Math.min(this.across - 1, Math.max(0, Math.floor(value / this.cell)));
    for (let row = cells(y - reach); row <= cells(y + reach); row++) {
      const line = row * this.across;
      for (let k = this.starts[line + cells(x - reach)]; k < this.starts[line + cells(x + reach) + 1]; k++) yield this.points[k];
    }
  }
}

/** Calls `frame(share)` with 0..1 over some milliseconds, eased; at once with 1 where motion is unwanted. Returns a stop. */
export function tween(duration, frame, done) {
  if (calm()) { frame(1); done(); return () => {}; }
  let start = null, running = true;
  const tick = (now) => {
    if (!running) return;
    start ??= now;
    const share = Math.min(1, (now - start) / duration);
    frame(share < 0.5 ? 2 * share * share : 1 - 2 * (1 - share) ** 2);
    share < 1 ? requestAnimationFrame(tick) : done();
  };
  requestAnimationFrame(tick);
  return () => { running = false; };
}

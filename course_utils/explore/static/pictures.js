// Pictures out of a sheet (pictures.py): one JPEG, decoded once, drawn tile by tile.

import { element } from "./explorer.js";

/**
 * @param {Uint8Array | DataView} packed the JPEG
 * @param {{columns: number, width: number, height: number, across: number, down: number}} index
 * @returns {Promise<(canvas: HTMLCanvasElement, place: number) => void>} draws one picture of the sheet
 */
export async function picturesOf(packed, index) {
  const bitmap = await createImageBitmap(new Blob([packed], { type: "image/jpeg" }));
  return (canvas, place) => {
    const { columns, width, height, across, down } = index;
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").drawImage(bitmap, (place % columns) * across, Math.floor(place / columns) * down, width, height, 0, 0, width, height);
  };
}

/** A canvas that stands for a picture: crisp pixels where the picture is small. */
export function picture(index, label, attributes = {}) {
  const crisp = Math.max(index.width, index.height) <= 96 ? "cu-picture cu-crisp" : "cu-picture";
  const spoken = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return element("canvas", { class: crisp, width: index.width, height: index.height, ...spoken, ...attributes });
}

// Shapes of partitions are what their names say.
import { describe, expect, it } from "vitest";
import { isApart, type Shape } from "./topology.js";

const SIZE = 5;

/** Links that are down, as "0-1". */
const down = (shape: Shape): readonly string[] => {
  const links: string[] = [];
  for (let left = 0; left < SIZE; left += 1) {
    for (let right = left + 1; right < SIZE; right += 1) {
      const isDown = isApart(shape, left, right, SIZE);
      expect(isApart(shape, right, left, SIZE)).toBe(isDown);
      if (isDown) links.push(`${left}-${right}`);
    }
  }
  return links;
};

describe("of five servers", () => {
  it.each<[Shape, string]>([
    ["alone", "0-1 0-2 0-3 0-4"],
    ["halves", "0-3 0-4 1-3 1-4 2-3 2-4"],
    ["ring", "0-2 0-3 1-3 1-4 2-4"],
    ["chain", "0-2 0-3 0-4 1-3 1-4 2-4"],
    ["star", "1-2 1-3 1-4 2-3 2-4 3-4"],
    ["link", "0-1"],
  ])("%s leaves all links but %s", (shape, links) => {
    expect(down(shape).join(" ")).toBe(links);
  });
});

// Which links are down at once: shapes of partitions, whole and partial, over servers in some order.

/**
 * Over servers numbered in order:
 *  - "alone": the first from all others;
 *  - "halves": the first half from the others;
 *  - "ring": each reaches its two neighbours (all, where there are three);
 *  - "chain": the same, and the first and the last are no neighbours (Omni-Paxos, figure 1c);
 *  - "star": all reach the first, and nobody else (figures 1a and 1b);
 *  - "link": one link is down, between the first and the second (etcd at Cloudflare, 2020).
 */
export type Shape = "alone" | "halves" | "ring" | "chain" | "star" | "link";

export const SHAPES: readonly Shape[] = ["alone", "halves", "ring", "chain", "star", "link"];

/** Is the link between two different places down? */
export const isApart = (shape: Shape, left: number, right: number, size: number): boolean => {
  const near = Math.min(left, right);
  const far = Math.max(left, right);
  switch (shape) {
    case "alone":
      return near === 0;
    case "halves":
      return near < Math.ceil(size / 2) && far >= Math.ceil(size / 2);
    case "ring":
      return far - near > 1 && far - near < size - 1;
    case "chain":
      return far - near > 1;
    case "star":
      return near !== 0;
    case "link":
      return near === 0 && far === 1;
  }
};

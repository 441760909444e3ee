// Finds what a mistyped name most likely meant.

/** The candidate nearest to `name` by edit distance, if near enough to be a typing error. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  // Of a short name two letters are most of it: anything would be near.
  const bound = name.length < 4 ? 1 : Math.max(2, Math.floor(name.length / 3));
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance <= bound && (best === undefined || distance < best.distance)) {
      best = { candidate, distance };
    }
  }
  return best?.candidate;
}

// Levenshtein's distance, a row of the table at a time.
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const substitution = from[row - 1] === to[column - 1] ? 0 : 1;
      current.push(
        Math.min(
          (previous[column] ?? Infinity) + 1,
          (current[column - 1] ?? Infinity) + 1,
          (previous[column - 1] ?? Infinity) + substitution,
        ),
      );
    }
    previous = current;
  }
  return previous[to.length] ?? Infinity;
}

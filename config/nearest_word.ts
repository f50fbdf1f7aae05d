/**
 * "Did you mean": the known word nearest to an unknown one.
 *
 * @module
 */

/**
 * The word of `known` that `word` is most likely a slip of, or `null` if none is near: at most one edit in three
 * characters, where an edit adds, removes or replaces a character or swaps two neighbours.
 */
export function nearestWord(word: string, known: readonly string[]): string | null {
  // Longer words than any key would only cost time: the distance is quadratic.
  if (word.length > 64) return null;
  const slip = word.toLowerCase().replaceAll("-", "_");
  let nearest: string | null = null;
  let least = Infinity;
  for (const candidate of known) {
    const distance = editDistance(slip, candidate.toLowerCase().replaceAll("-", "_"));
    if (distance < least && distance <= Math.max(1, Math.floor(candidate.length / 3))) {
      nearest = candidate;
      least = distance;
    }
  }
  return nearest;
}

/** Optimal string alignment distance: Levenshtein's, with swapped neighbours as one edit. */
function editDistance(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, j) => j);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = last[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1);
      let best = Math.min(row[j - 1]! + 1, last[j]! + 1, replaced);
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        best = Math.min(best, beforeLast[j - 2]! + 1);
      }
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[other.length]!;
}

// Keeps a number of proposals in flight for a while, and says how fast they were committed.

export interface Load {
  readonly inFlight: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly valueBytes: number;
}

export interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** `commit` resolves once the value is committed; each slot proposes the next as soon as it has. */
export async function measure(
  load: Load,
  commit: (value: Uint8Array) => Promise<void>,
): Promise<Measured> {
  const { inFlight, warmUpMs, measureMs, valueBytes } = load;
  const from = performance.now() + warmUpMs;
  const to = from + measureMs;
  const latencies: number[] = [];
  const slot = async (fill: number) => {
    for (let start = performance.now(); start < to;) {
      await commit(Buffer.alloc(valueBytes, fill));
      const end = performance.now();
      if (end >= from && end < to) latencies.push(end - start);
      start = end;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, at) => slot(at)));
  latencies.sort((a, b) => a - b);
  const quantile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? NaN;
  return {
    perSecond: latencies.length / (measureMs / 1_000),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  };
}

// Rounds, medians and the rows of the table.

/** One line of the result: a figure, what it must reach, and how it varied. */
export interface Figure {
  target: string
  what: string
  unit: string
  median: number
  min: number
  max: number
  rounds: number
  /** What `targets.md` asks for; absent for figures that are only reported. */
  limit?: { least: number } | { most: number }
  note?: string
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function figure(
  target: string,
  what: string,
  unit: string,
  values: readonly number[],
  extra: Pick<Figure, 'limit' | 'note'> = {},
): Figure {
  return { target, what, unit, median: median(values), min: Math.min(...values), max: Math.max(...values), rounds: values.length, ...extra }
}

/** Whether the figure is reached; undefined when there is nothing to reach. */
export function isReached({ limit, median: value }: Figure): boolean | undefined {
  if (!limit) return undefined
  return 'least' in limit ? value >= limit.least : value <= limit.most
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** `total` pieces of work, `width` of them in flight; answers how many a second. */
export async function throughput(total: number, width: number, work: (n: number) => Promise<unknown>): Promise<number> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < total) await work(next++)
  }
  const ms = await timed(() => Promise.all(Array.from({ length: width }, worker)))
  return (total / ms) * 1_000
}

/** Answers the figures to `main.ts` when it is the parent, else prints them. */
export function tell(figures: Figure[]): void {
  if (process.env['SIGNALBOX_BENCH_FOLDER']) process.stdout.write(`${JSON.stringify(figures)}\n`)
  else console.table(figures.map(({ target, what, median: m, min, max, unit }) => ({ target, what, median: m, min, max, unit })))
}

export const rounds = Number(process.env['SIGNALBOX_BENCH_ROUNDS'] ?? 7)

// Failures that a test asks of a twin: a status, a silence, half an answer or a broken connection, before the deed or after it.

export interface Fault<Call> {
  /** Every call, when left out. */
  match?: (call: Call) => boolean
  /** How many calls it meets; one when left out. */
  times?: number
  /**
   * A status that is answered; `timeout` never answers, `half` breaks off in the middle of the body, `reset` before the first byte;
   * `empty` is a success that says nothing.
   */
  status: number | 'timeout' | 'half' | 'reset' | 'empty'
  /** Seconds, told as `Retry-After`. */
  retryAfter?: number
  /** `after`: the operation is done, and its answer is lost. */
  when?: 'before' | 'after'
  /** Where the twin does not say what its service says with this status. */
  message?: string
}

export class Faults<Call> {
  readonly #left = new Map<Fault<Call>, number>()

  /** Adds a fault; the answer takes it away again. */
  add(fault: Fault<Call>): () => void {
    const own = { ...fault }
    this.#left.set(own, fault.times ?? 1)
    return () => void this.#left.delete(own)
  }

  clear(): void {
    this.#left.clear()
  }

  /** How many still wait for a call. */
  get pending(): number {
    return this.#left.size
  }

  /** The fault that meets this call, which is counted as met. */
  take(call: Call): Fault<Call> | undefined {
    for (const [fault, left] of this.#left) {
      if (fault.match !== undefined && !fault.match(call)) continue
      if (left <= 1) this.#left.delete(fault)
      else this.#left.set(fault, left - 1)
      return fault
    }
    return undefined
  }
}

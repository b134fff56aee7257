// What is kept of a child's output: bounded tails, bounded lines and a bounded file, whatever the child prints.

import { createWriteStream } from 'node:fs'
import { ProtocolError } from '../../errors.ts'

/** The last `size` bytes of a stream. */
export interface Tail {
  add: (chunk: Buffer) => void
  /** True when something before the kept bytes was dropped. */
  readonly dropped: boolean
  bytes: () => Buffer
}

export function createTail(size: number): Tail {
  let chunks: Buffer[] = []
  let length = 0
  let dropped = false
  const compact = (): void => {
    const all = Buffer.concat(chunks)
    if (all.length > size) dropped = true
    // A copy, not a view: a view would keep all of `all` in memory.
    const kept = all.length > size ? Buffer.from(all.subarray(all.length - size)) : all
    chunks = [kept]
    length = kept.length
  }
  return {
    add: (chunk) => {
      chunks.push(chunk)
      length += chunk.length
      if (length > 2 * size + 65_536 || chunks.length > 256) compact()
    },
    get dropped() {
      return dropped || length > size
    },
    bytes: () => {
      compact()
      return chunks[0]!
    },
  }
}

/** Longest line that is reported, in bytes; the rest of a longer one is skipped. */
const longestLine = 4_096
/** Lines reported in one window of time; what a flood prints beyond it is sampled by its last line. */
const linesAWindow = 200
const windowMs = 100

/** Splits a stream into lines for people to watch. In a flood lines are left out, the last one never. */
export function createLines(report: (line: string) => void): { add: (chunk: Buffer) => void; end: () => void } {
  let partial: Buffer[] = []
  let partialLength = 0
  let skipping = false
  let held: string | null = null
  let windowStart = 0
  let inWindow = 0

  const isOpen = (): boolean => {
    const now = performance.now()
    if (now - windowStart > windowMs) {
      windowStart = now
      inWindow = 0
    }
    return inWindow < linesAWindow
  }
  const say = (bytes: Buffer, cut: boolean): void => {
    const line = toLine(bytes, cut)
    if (!isOpen()) {
      held = line
      return
    }
    held = null
    inWindow++
    report(line)
  }
  /** A line's next bytes, up to but without its end. */
  const extend = (bytes: Buffer): void => {
    if (skipping || bytes.length === 0) return
    partial.push(Buffer.from(bytes.subarray(0, longestLine - partialLength)))
    partialLength += bytes.length
    if (partialLength < longestLine) {
      if (partial.length > 64) partial = [Buffer.concat(partial)]
      return
    }
    say(Buffer.concat(partial), true)
    forget()
    skipping = true
  }
  const forget = (): void => {
    partial = []
    partialLength = 0
    skipping = false
  }
  const finish = (): void => {
    if (!skipping) say(Buffer.concat(partial), false)
    forget()
  }
  return {
    add: (chunk) => {
      let from = 0
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
        if (!isOpen()) {
          // Over the window's lines: go to the last line of this chunk without looking at those between.
          const last = chunk.lastIndexOf(10)
          const before = last > from ? chunk.lastIndexOf(10, last - 1) : -1
          if (before >= from) {
            forget()
            from = before + 1
            end = last
          }
        }
        extend(chunk.subarray(from, end))
        finish()
        from = end + 1
      }
      extend(chunk.subarray(from))
    },
    end: () => {
      if (partialLength > 0) finish()
      if (held !== null) report(held)
      held = null
    },
  }
}

/** Splits a stream into lines, whole and in order. Throws ProtocolError `line-too-long`, once: what comes after it is dropped. */
export function createMessages(report: (line: string) => void, longest: number): { add: (chunk: Buffer) => void; end: () => void } {
  let partial: Buffer[] = []
  let length = 0
  let failed = false
  const extend = (bytes: Buffer): void => {
    if (bytes.length === 0) return
    partial.push(bytes)
    length += bytes.length
    if (length <= longest) return
    failed = true
    partial = []
    throw new ProtocolError('line-too-long', `It has written a line of more than ${longest} bytes.`)
  }
  const finish = (): void => {
    const line = Buffer.concat(partial).toString('utf8')
    partial = []
    length = 0
    if (line.trim() !== '') report(line)
  }
  return {
    add: (chunk) => {
      let from = 0
      for (let end = chunk.indexOf(10); end !== -1 && !failed; end = chunk.indexOf(10, from)) {
        extend(chunk.subarray(from, end))
        finish()
        from = end + 1
      }
      if (!failed) extend(chunk.subarray(from))
    },
    end: () => {
      if (!failed && length > 0) finish()
    },
  }
}

/** What a terminal would show of the line in the end: a progress bar rewrites it after each carriage return. */
function toLine(bytes: Buffer, cut: boolean): string {
  const text = bytes.toString('utf8').replace(/\r+$/, '')
  const shown = text.slice(text.lastIndexOf('\r') + 1)
  return cut ? `${shown.replace(/\uFFFD+$/, '')}…` : shown
}

/** A file that takes the first `limit` bytes, and in the end what was left out and the last bytes. A disk that is full loses the rest. */
export interface OutputFile {
  /** False asks to wait for `onDrain`. */
  write: (chunk: Buffer) => boolean
  /** Resolves when everything that was taken is with the operating system. Never rejects. */
  end: () => Promise<void>
  /** True when the file does not have everything. */
  readonly truncated: boolean
}

const tailOfFile = 65_536

export function createOutputFile(path: string, options: { limit: number; append: boolean; onDrain: () => void }): OutputFile {
  const stream = createWriteStream(path, { flags: options.append ? 'a' : 'w', mode: 0o600 })
  const tail = createTail(tailOfFile)
  let written = 0
  let beyond = 0
  let failed = false
  const closed = new Promise<void>((resolve) => stream.once('close', resolve))
  stream.on('drain', options.onDrain)
  // The child is not to fail because its log cannot be kept: `truncated` says that it was not.
  stream.on('error', () => {
    failed = true
    options.onDrain()
  })
  return {
    write: (chunk) => {
      const room = Math.max(0, options.limit - written)
      const taken = chunk.subarray(0, room)
      if (chunk.length > room) {
        tail.add(chunk.subarray(room))
        beyond += chunk.length - room
      }
      if (taken.length === 0 || failed) return true
      written += taken.length
      return stream.write(taken)
    },
    end: async () => {
      if (beyond > 0 && !failed) {
        const kept = tail.bytes()
        const omitted = beyond - kept.length
        if (omitted > 0) stream.write(`\n[signalbox: output truncated here, ${omitted} bytes left out; the end follows]\n`)
        stream.write(kept)
      }
      stream.end()
      await closed
    },
    get truncated() {
      return failed || beyond > tailOfFile
    },
  }
}

import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  childEnvironment,
  endMarked,
  endProcessGroup,
  identityOf,
  runProcess,
  useProcessHost,
  type ProcessIdentity,
  type ProcessRequest,
  type Stdin,
} from '../../src/actors/process.ts'
import { eventually, isAlive, read, temporaryFolder } from './repository.ts'

const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
const run = (command: ProcessRequest['command'], request: Partial<ProcessRequest> = {}) =>
  runProcess({ command, cwd: '/', env, ...request })

/** Runs `work` and answers by how much the event loop was late at most, in ms. */
async function lateness(work: () => Promise<unknown>): Promise<number> {
  let late = 0
  let last = performance.now()
  const timer = setInterval(() => {
    late = Math.max(late, performance.now() - last - 5)
    last = performance.now()
  }, 5)
  await work()
  clearInterval(timer)
  return late
}

const pidIn = (path: string): number => Number(read(path).trim())

describe.each([
  ['from this process', false],
  ['from the host', true],
])('%s', (_name, isHosted) => {
  let release: () => void
  beforeAll(() => {
    if (isHosted) release = useProcessHost()
  })
  afterAll(() => release?.())

  describe('a dialogue', () => {
    /** Talks with `command` until it ends; each line is answered with what `answer` says. */
    async function talk(command: ProcessRequest['command'], answer: (line: string, stdin: Stdin) => void, longest?: number) {
      const lines: string[] = []
      let stdin: Stdin
      const result = await run(command, {
        timeout: 20_000,
        dialogue: {
          longest,
          onOpen: (opened) => {
            stdin = opened
            answer('', stdin)
          },
          onMessage: (line) => {
            lines.push(line)
            answer(line, stdin)
          },
        },
      })
      return { lines, result }
    }

    test('goes to and fro, and ends when its input does', async () => {
      const { lines, result } = await talk('while read -r line; do echo "heard $line"; done', (line, stdin) => {
        if (line === '') stdin.write('one\ntwo\n')
        else if (line === 'heard two') stdin.end()
      })
      expect(lines).toEqual(['heard one', 'heard two'])
      expect(result.exitCode).toBe(0)
    })

    test('has every line whole, however many and however long they are', async () => {
      const script = `for (let i = 0; i < 20000; i++) console.log(i); console.log('x'.repeat(20e6)); console.log('ä'.repeat(70000))`
      const { lines } = await talk([process.execPath, '-e', script], () => {})
      expect(lines).toHaveLength(20_002)
      expect(lines.slice(0, 20_000).every((line, i) => line === String(i))).toBe(true)
      expect(lines[20_000]).toHaveLength(20e6)
      expect(lines[20_001]).toBe('ä'.repeat(70_000))
    })

    test('ends at a line that is too long, and with the error of whoever listens', async () => {
      await expect(talk("head -c 100000 /dev/zero | tr '\\0' x; sleep 60", () => {}, 1_000)).rejects.toMatchObject({
        code: 'line-too-long',
      })
      await expect(
        talk('echo one; sleep 60', (line) => {
          if (line === 'one') throw new Error('not understood')
        }),
      ).rejects.toThrow('not understood')
    })

    test('may be written to when nobody reads any more', async () => {
      const { result } = await talk('exec 0<&-; echo one; sleep 0.2', (line, stdin) => {
        if (line === 'one') stdin.write('x'.repeat(200_000))
      })
      expect(result.exitCode).toBe(0)
    })
  })

  test('a command ends with its exit code and what it printed', async () => {
    const result = await run('printf out; printf err >&2; exit 3')
    expect(result).toMatchObject({
      exitCode: 3,
      signal: null,
      stdout: 'out',
      stderr: 'err',
      timedOut: false,
      aborted: false,
      truncated: false,
    })
  })

  test('a list is run without a shell', async () => {
    const result = await run(['printf', '%s|', '$HOME', 'a b', ';'])
    expect(result.stdout).toBe('$HOME|a b|;|')
  })

  test('a process that a signal ended says which', async () => {
    expect(await run('kill -KILL $$')).toMatchObject({ exitCode: null, signal: 'SIGKILL', timedOut: false })
  })

  test('there is no standard input, unless some is given', async () => {
    expect((await run('cat; echo end')).stdout).toBe('end\n')
    expect((await run('cat', { input: 'grüezi' })).stdout).toBe('grüezi')
  })

  test('a process that does not read its input to the end is no failure', async () => {
    expect(await run('exit 0', { input: 'x'.repeat(5_000_000) })).toMatchObject({ exitCode: 0 })
  })

  test('it has a process group of its own, and its identity is told before anything else', async () => {
    const order: string[] = []
    let identity: ProcessIdentity | undefined
    const result = await run('echo $$', {
      onStart: (given) => {
        identity = given
        order.push('start')
      },
      onLine: () => order.push('line'),
    })
    expect(order).toEqual(['start', 'line'])
    expect(identity).toEqual({ pid: Number(result.stdout), group: Number(result.stdout), startTime: expect.stringMatching(/^\d+$/) })
  })

  test('it can be ended while it is reported started', async () => {
    const controller = new AbortController()
    const running = run('sleep 60', { signal: controller.signal, onStart: () => controller.abort(), timeout: 20_000 })
    expect(await running).toMatchObject({ aborted: true, timedOut: false, signal: 'SIGTERM' })
  })

  test.each([
    ['a program that does not exist', ['/nonexistent/program'] as const, '/', 'process-not-found'],
    ['a folder that does not exist', ['true'] as const, '/nonexistent', 'process-folder-missing'],
    ['a file that is not executable', ['/etc/passwd'] as const, '/', 'process-not-startable'],
    ['an argument with a zero byte', ['echo', 'a\0b'] as const, '/', 'process-not-startable'],
  ])('%s rejects with a code', async (_, command, cwd, code) => {
    await expect(run(command, { cwd })).rejects.toMatchObject({ name: 'FatalError', code })
  })

  test('over its timeout the whole group is ended (edge 315)', async () => {
    const folder = temporaryFolder()
    const result = await run(`sleep 60 & echo $! > '${folder}/child'; sleep 60`, { timeout: 200 })
    expect(result).toMatchObject({ timedOut: true, aborted: false, signal: 'SIGTERM' })
    expect(isAlive(pidIn(join(folder, 'child')))).toBe(false)
  })

  test('an abort ends the whole group, and one before the start starts nothing', async () => {
    const folder = temporaryFolder()
    const controller = new AbortController()
    const running = run(`sleep 60 & echo $! > '${folder}/child'; echo ready; sleep 60`, {
      signal: controller.signal,
      onLine: () => controller.abort(),
    })
    expect(await running).toMatchObject({ aborted: true, timedOut: false, signal: 'SIGTERM' })
    expect(isAlive(pidIn(join(folder, 'child')))).toBe(false)
    const started: unknown[] = []
    expect(await run('true', { signal: controller.signal, onStart: (id) => started.push(id) })).toMatchObject({
      aborted: true,
      exitCode: null,
    })
    expect(started).toEqual([])
  })

  test('what ignores SIGTERM gets SIGKILL after the grace time, the leader and its children', async () => {
    const folder = temporaryFolder()
    const stubborn = `trap '' TERM; (trap '' TERM; echo $$ > /dev/null; while :; do sleep 0.05; done) & echo $! > '${folder}/child'; while :; do sleep 0.05; done`
    const result = await run(stubborn, { timeout: 200, grace: 200 })
    expect(result).toMatchObject({ timedOut: true, signal: 'SIGKILL' })
    expect(result.ms).toBeLessThan(3_000)
    expect(isAlive(pidIn(join(folder, 'child')))).toBe(false)
  })

  test('SIGTERM reaches the whole group at once: a leader that waits for its child need not be killed', async () => {
    const result = await run("trap 'wait; exit 7' TERM; sleep 60 & wait", { timeout: 200, grace: 5_000 })
    expect(result).toMatchObject({ timedOut: true, exitCode: 7 })
    expect(result.ms).toBeLessThan(3_000)
  })

  test('a background child that keeps the pipes open is ended and holds up nothing', async () => {
    const folder = temporaryFolder()
    const result = await run(`sleep 60 & echo $! > '${folder}/child'; echo done`)
    expect(result).toMatchObject({ exitCode: 0, stdout: 'done\n', truncated: false })
    expect(result.ms).toBeLessThan(3_000)
    expect(isAlive(pidIn(join(folder, 'child')))).toBe(false)
  })

  test('a background child that closed its pipes is ended too', async () => {
    const folder = temporaryFolder()
    await run(`sleep 60 > /dev/null 2>&1 & echo $! > '${folder}/child'`)
    expect(isAlive(pidIn(join(folder, 'child')))).toBe(false)
  })

  test('a grandchild in another session does not hold up the result, and is found by its mark', async () => {
    const folder = temporaryFolder()
    const mark = `mark-${process.pid}-${Date.now()}`
    const result = await run(
      `setsid sh -c 'echo $$ > "$0/child"; exec sleep 60' '${folder}' & while [ ! -s '${folder}/child' ]; do sleep 0.01; done; echo done`,
      {
        env: { ...env, SIGNALBOX_TEST: mark },
      },
    )
    expect(result).toMatchObject({ exitCode: 0, stdout: 'done\n' })
    expect(result.ms).toBeLessThan(4_000)
    const grandchild = pidIn(join(folder, 'child'))
    expect(isAlive(grandchild)).toBe(true)
    for (const other of [`${mark}-other`, mark.slice(0, -1)]) expect(await endMarked('SIGNALBOX_TEST', other)).toBe(0)
    expect(await endMarked('BOX_TEST', mark)).toBe(0)
    expect(isAlive(grandchild)).toBe(true)
    expect(await endMarked('SIGNALBOX_TEST', mark)).toBe(1)
    expect(isAlive(grandchild)).toBe(false)
  })

  test('a marked process that ignores SIGTERM is killed', async () => {
    const mark = `stubborn-${process.pid}-${Date.now()}`
    const child = spawn('/bin/sh', ['-c', "trap '' TERM; echo ready; while :; do sleep 0.05; done"], {
      detached: true,
      env: { ...env, SIGNALBOX_TEST: mark },
    })
    await new Promise((resolve) => child.stdout.once('data', resolve))
    expect(await endMarked('SIGNALBOX_TEST', mark, 100)).toBeGreaterThanOrEqual(1)
    expect(isAlive(child.pid!)).toBe(false)
  })

  test('a recorded group is ended only while its leader is the process that was recorded', async () => {
    const child = spawn('sleep', ['60'], { detached: true })
    const identity = identityOf(child.pid!)!
    expect(await endProcessGroup({ ...identity, startTime: '1' })).toBe(false)
    expect(await endProcessGroup({ ...identity, group: 1 })).toBe(false)
    expect(isAlive(child.pid!)).toBe(true)
    expect(await endProcessGroup(identity)).toBe(true)
    expect(isAlive(child.pid!)).toBe(false)
    await eventually(() => identityOf(child.pid!) === null)
    expect(await endProcessGroup(identity)).toBe(false)
  })

  test('only the end of long output is kept', async () => {
    const result = await run('seq 1 100000; seq 1 50000 >&2', { keep: 1_000 })
    expect(result.truncated).toBe(true)
    expect(result.stdout).toHaveLength(1_000)
    expect(result.stdout.endsWith('99999\n100000\n')).toBe(true)
    expect(result.stderr.endsWith('50000\n')).toBe(true)
  })

  test('output in many small pieces is kept in order', async () => {
    const result = await run('for i in $(seq 1 600); do /bin/echo $i; done', { keep: 1_000_000 })
    expect(result.stdout).toBe(`${Array.from({ length: 600 }, (_, i) => i + 1).join('\n')}\n`)
    expect(result.truncated).toBe(false)
  })

  test('latin1 keeps every byte', async () => {
    const result = await run(String.raw`printf '\303\050\377\000z'`, { encoding: 'latin1' })
    expect([...Buffer.from(result.stdout, 'latin1')]).toEqual([0xc3, 0x28, 0xff, 0, 0x7a])
  })

  test('200 MB of short lines grow no memory, hold up nothing, and leave a bounded file with its end', async () => {
    const path = join(temporaryFolder(), 'output.log')
    const lines: string[] = []
    const before = process.memoryUsage().rss
    const startedAt = performance.now()
    const late = await lateness(async () => {
      const result = await run('yes | head -c 200000000; echo the end', {
        outputFile: path,
        outputLimit: 1_000_000,
        onLine: (line) => lines.push(line),
      })
      expect(result).toMatchObject({ exitCode: 0, truncated: true })
      expect(result.stdout.endsWith('y\nthe end\n')).toBe(true)
    })
    expect(process.memoryUsage().rss - before).toBeLessThan(150e6)
    expect(late).toBeLessThan(250)
    // 200 in a tenth of a second, of a hundred million.
    expect(lines.length).toBeLessThan(400 + 2 * (performance.now() - startedAt))
    expect(lines.at(-1)).toBe('the end')
    expect(statSync(path).size).toBeLessThan(1_100_000)
    expect(read(path)).toMatch(/^(y\n)+y?\n\[signalbox: output truncated here, \d+ bytes left out; the end follows\]\n[y\n]+the end\n$/)
  })

  test('a line without an end is reported once, shortened', async () => {
    const lines: string[] = []
    const result = await run('head -c 50000000 /dev/zero | tr "\\0" a; echo; echo after', { onLine: (line) => lines.push(line) })
    expect(result.exitCode).toBe(0)
    expect(lines).toEqual([`${'a'.repeat(4_096)}…`, 'after'])
  })

  test('lines come whole: across pieces, with letters of several bytes, with carriage returns, and without a last newline', async () => {
    const lines: string[] = []
    const command = String.raw`printf 'gr\303'; sleep 0.1; printf '\274ezi\r\n\n10%%\r50%%\r100%%\nlast'`
    await run(command, { onLine: (line) => lines.push(line) })
    expect(lines).toEqual(['grüezi', '', '100%', 'last'])
  })

  test('lines that are not a flood are all reported, in order', async () => {
    const lines: string[] = []
    await run('seq 1 150', { onLine: (line) => lines.push(line) })
    expect(lines).toEqual(Array.from({ length: 150 }, (_, i) => String(i + 1)))
  })

  test('the output file has both streams; it is replaced, or continued', async () => {
    const path = join(temporaryFolder(), 'output.log')
    await run('echo first', { outputFile: path })
    await run('echo second; sleep 0.1; echo third >&2', { outputFile: path })
    expect(read(path)).toBe('second\nthird\n')
    await run('echo fourth', { outputFile: path, outputAppend: true })
    expect(read(path)).toBe('second\nthird\nfourth\n')
  })

  test('an output file that cannot be written is said by `truncated` and fails nothing', async () => {
    const result = await run('yes | head -c 1000000', { outputFile: '/nonexistent/output.log' })
    expect(result).toMatchObject({ exitCode: 0, truncated: true })
    const full = await run('yes | head -c 1000000; echo end', { outputFile: '/dev/full', keep: 2_000_000 })
    expect(full).toMatchObject({ exitCode: 0, truncated: true })
    expect(full.stdout.endsWith('end\n')).toBe(true)
  })

  test('a slow disk slows the process down instead of growing memory', async () => {
    const pipe = join(temporaryFolder(), 'slow')
    await run(['mkfifo', pipe])
    const reader = run(`exec < '${pipe}'; sleep 1; wc -c`)
    const before = process.memoryUsage().rss
    let peak = 0
    const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20)
    const result = await run('head -c 150000000 /dev/zero', { outputFile: pipe, outputLimit: 1e9 })
    clearInterval(timer)
    expect(result).toMatchObject({ exitCode: 0 })
    expect((await reader).stdout.trim()).toBe('150000000')
    expect(peak - before).toBeLessThan(100e6)
  })

  test('a callback that throws ends the group and rejects with its error', async () => {
    const folder = temporaryFolder()
    const failure = new Error('the disk is full')
    const onThrow = () => {
      throw failure
    }
    await expect(run('sleep 60', { onStart: onThrow })).rejects.toBe(failure)
    await expect(run(`sleep 60 & echo $! > '${folder}/child'; echo line; sleep 60`, { onLine: onThrow })).rejects.toBe(failure)
    expect(isAlive(pidIn(join(folder, 'child')))).toBe(false)
  })

  test('many at once end each for itself', async () => {
    const results = await Promise.all(Array.from({ length: 40 }, (_, i) => run(`echo ${i}; exit ${i % 3}`)))
    expect(results.map(({ stdout, exitCode }) => [stdout, exitCode])).toEqual(Array.from({ length: 40 }, (_, i) => [`${i}\n`, i % 3]))
  })

  test('the environment of children is the fixed list and what is added', () => {
    process.env['SIGNALBOX_SECRET'] = 'hidden'
    process.env['LC_TEST'] = 'C'
    try {
      const given = childEnvironment({ EXTRA: '1' })
      expect(given).toMatchObject({ EXTRA: '1', LC_TEST: 'C', PATH: process.env['PATH'] })
      const others = Object.keys(given).filter((name) => !name.startsWith('LC_') && name !== 'EXTRA')
      expect(['PATH', 'HOME', 'USER', 'SHELL', 'LANG', 'TERM', 'TMPDIR']).toEqual(expect.arrayContaining(others))
    } finally {
      delete process.env['SIGNALBOX_SECRET']
      delete process.env['LC_TEST']
    }
  })
})

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { createCommandAgent, type CommandAgentOptions } from '../../../src/actors/agents/command.ts'
import { createProcessRecords } from '../../../src/actors/agents/orphans.ts'
import { namespaceWords } from '../../../src/actors/process/namespace.ts'
import type { AgentRequest, AgentResult } from '../../../src/actors/ports.ts'
import type { ProcessIdentity } from '../../../src/actors/process.ts'
import { eventually, isAlive, makeRepository, read, run, temporaryFolder, write } from '../repository.ts'

process.env['GIT_CONFIG_GLOBAL'] = '/dev/null'
process.env['GIT_CONFIG_NOSYSTEM'] = '1'

// Copied for each test, since each git costs milliseconds.
const template = mkdtempSync(join(tmpdir(), 'signalbox-template-'))
makeRepository(template)
afterAll(() => rmSync(template, { recursive: true }))

interface Turn {
  result: AgentResult
  consumed: AgentResult['consumed']
  progress: string[]
  identities: ProcessIdentity[]
}

function agentOf(command: string, options: Partial<CommandAgentOptions> = {}) {
  const data = temporaryFolder()
  const worktree = join(data, 'worktree')
  cpSync(template, worktree, { recursive: true })
  const folder = join(data, 'runs/APP-1/run-1')
  const agent = createCommandAgent({ name: 'mine', command, env: {}, processes: createProcessRecords(data), ...options })
  const request: AgentRequest = {
    agent: 'mine',
    issue: 'APP-1',
    project: 'app',
    runId: 'run-1',
    runType: 'implementation',
    turnKind: 'work',
    attempt: 2,
    branch: 'signalbox/APP-1-greet',
    base: 'trunk',
    worktree,
    folder,
    images: [],
    network: false,
    prompt: '# Grüße\n',
    context: { issue: { title: 'Greet' } },
    timeout: 20_000,
    thread: null,
    recovery: null,
  }
  const controller = new AbortController()
  const turn = async (more: Partial<AgentRequest> = {}, onProgress: (line: string) => void = () => {}): Promise<Turn> => {
    const progress: string[] = []
    const identities: ProcessIdentity[] = []
    const started = agent.start(
      { ...request, ...more },
      {
        signal: controller.signal,
        onEvent: (event) => {
          if (event.type === 'started') identities.push(event.process)
          if (event.type !== 'progressed') return
          const { line } = event
          progress.push(line)
          onProgress(line)
        },
      },
    )
    const { consumed, ...result } = await started.result
    return { result, consumed, progress, identities }
  }
  return { agent, data, worktree, folder, request, controller, turn, records: () => readRecords(data) }
}

const readRecords = (data: string): string[] => run(data, '-c', 'alias.files=!ls processes', 'files').split('\n').filter(Boolean)

/** An agent that writes this as its result. */
const answering = (result: unknown): string =>
  `printf %s '${typeof result === 'string' ? result : JSON.stringify(result)}' > "$SIGNALBOX_RESULT_FILE"`

test('a command gets its variables, the prompt and the context, and nothing else of ours', async () => {
  process.env['OPERATOR_SECRET'] = 'hidden'
  process.env['SIGNALBOX_TOKEN'] = 'hidden'
  onTestFinished(() => {
    delete process.env['OPERATOR_SECRET']
    delete process.env['SIGNALBOX_TOKEN']
  })
  const command =
    'env > env.txt; pwd > cwd.txt; cp "$SIGNALBOX_PROMPT_FILE" prompt.txt; cp "$SIGNALBOX_CONTEXT_FILE" context.txt; read line || echo none > stdin.txt'
  const { turn, worktree, folder } = agentOf(command, { env: { CUSTOM: 'a b', SIGNALBOX_ISSUE: 'forged' } })
  expect((await turn()).result).toEqual({ outcome: 'completed', summary: '' })
  const env = Object.fromEntries(
    read(worktree, 'env.txt')
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s).slice(0, 2)),
  )
  expect(env).toMatchObject({
    CUSTOM: 'a b',
    GIT_TERMINAL_PROMPT: '0',
    SIGNALBOX_ISSUE: 'APP-1',
    SIGNALBOX_RUN_ID: 'run-1',
    SIGNALBOX_RUN_TYPE: 'implementation',
    SIGNALBOX_ATTEMPT: '2',
    SIGNALBOX_BRANCH: 'signalbox/APP-1-greet',
    SIGNALBOX_BASE: 'trunk',
    SIGNALBOX_PROMPT_FILE: join(folder, 'prompt.md'),
    SIGNALBOX_CONTEXT_FILE: join(folder, 'context.json'),
    SIGNALBOX_RESULT_FILE: join(folder, 'result.json'),
  })
  const given = Object.keys(env).filter((name) => !/^(SIGNALBOX_|GIT_|LC_)/.test(name))
  expect(['PATH', 'HOME', 'USER', 'SHELL', 'LANG', 'TERM', 'TMPDIR', 'GH_CONFIG_DIR', 'CUSTOM', 'PWD', 'OLDPWD', 'SHLVL', '_']).toEqual(
    expect.arrayContaining(given),
  )
  expect(env).not.toHaveProperty('SIGNALBOX_TOKEN')
  expect(read(worktree, 'cwd.txt').trim()).toBe(worktree)
  expect(read(worktree, 'prompt.txt')).toBe('# Grüße\n')
  expect(JSON.parse(read(worktree, 'context.txt'))).toEqual({ issue: { title: 'Greet' } })
  expect(read(worktree, 'stdin.txt')).toBe('none\n')
  expect(statSync(join(folder, 'prompt.md')).mode & 0o077).toBe(0)
})

test('a full result file is taken over', async () => {
  const written = {
    outcome: 'completed',
    summary: ' Greets. ',
    prTitle: 'Greet',
    prBody: 'Closes APP-1',
    usage: { inputTokens: 10, writtenTokens: 4, outputTokens: 2, usd: 0.5 },
    model: 'm',
    verdict: 'request_changes',
    findings: [
      { path: 'a.ts', line: 3, body: 'why?' },
      { path: 'b.ts', body: 'and here', blocking: null },
      { path: 'c.ts', line: -1, body: 'nowhere', blocking: true },
    ],
    question: null,
  }
  const { result } = await agentOf(answering(written)).turn()
  expect(result).toEqual({
    outcome: 'completed',
    summary: 'Greets.',
    prTitle: 'Greet',
    prBody: 'Closes APP-1',
    usage: { inputTokens: 10, cachedTokens: 0, writtenTokens: 4, outputTokens: 2, usd: 0.5 },
    model: 'm',
    verdict: 'request_changes',
    findings: [
      { path: 'a.ts', line: 3, body: 'why?' },
      { path: 'b.ts', line: null, body: 'and here' },
      { path: 'c.ts', line: -1, body: 'nowhere', blocking: true },
    ],
  })
})

test.each([
  [
    { outcome: 'needs_input', summary: 'stuck', question: 'Which one?' },
    { outcome: 'needs_input', summary: 'stuck', question: 'Which one?' },
  ],
  [
    { outcome: 'no_change', summary: 'already so' },
    { outcome: 'no_change', summary: 'already so' },
  ],
  [
    { outcome: 'failed', summary: 'no way' },
    { outcome: 'failed', failure: 'agent', reason: 'no way', summary: 'no way' },
  ],
  [
    { outcome: 'failed', summary: 'no room', failure: 'capacity', code: 'used-up', retryAt: 5 },
    { outcome: 'failed', failure: 'capacity', code: 'used-up', retryAt: 5, reason: 'no room', summary: 'no room' },
  ],
])('the outcome of %j', async (written, expected) => {
  expect((await agentOf(answering(written)).turn()).result).toEqual(expected)
})

test('without a result file the last line of its output is the summary', async () => {
  const { result } = await agentOf("printf 'working\\n\\033[32mall done\\033[0m\\n'").turn()
  expect(result).toEqual({ outcome: 'completed', summary: 'all done' })
})

test.each([
  ['nothing', '', /it is empty/],
  ['no JSON', 'done!', /not JSON/],
  ['half of it', '{ "outcome": "compl', /not JSON/],
  ['a list', '[]', /expected object/],
  ['no outcome', '{ "summary": "x" }', /'outcome' /],
  ['an unknown outcome', '{ "outcome": "success", "summary": "x" }', /'outcome' .*"completed"\|"needs_input"/],
  ['a misspelt key', '{ "outcome": "completed", "sumary": "x" }', /unknown key 'sumary', did you mean 'summary'\?/],
  ['a question without a text', '{ "outcome": "needs_input", "summary": "x", "question": " " }', /'question' is required/],
  ['negative usage', '{ "outcome": "completed", "summary": "x", "usage": { "inputTokens": -1 } }', /'usage\.inputTokens'/],
  ['more usage than there can be', '{ "outcome": "completed", "summary": "x", "usage": { "usd": 1.7e308 } }', /'usage\.usd' .*<=1000000\b/],
  [
    'more tokens than there can be',
    '{ "outcome": "completed", "summary": "x", "usage": { "outputTokens": 1e13 } }',
    /'usage\.outputTokens' .*<=1000000000000\b/,
  ],
  [
    'a misspelt key of its usage',
    '{ "outcome": "completed", "summary": "x", "usage": { "writenTokens": 1 } }',
    /'usage' unknown key 'writenTokens', did you mean 'writtenTokens'\?/,
  ],
  ['an answer to nothing', '{ "outcome": "completed", "summary": "x", "answers": [{ "body": "b" }] }', /'answers\.0\.id'/],
  [
    'a misspelt key of an answer',
    '{ "outcome": "completed", "summary": "x", "answers": [{ "id": "a", "bdy": "b" }] }',
    /'answers\.0' unknown key 'bdy', did you mean 'body'\?/,
  ],
  ['a finding without a place', '{ "outcome": "completed", "summary": "x", "findings": [{ "body": "b" }] }', /'findings\.0\.path'/],
  [
    'a misspelt key of a finding',
    '{ "outcome": "completed", "summary": "x", "findings": [{ "path": "a", "body": "b", "blokcing": true }] }',
    /'findings\.0' unknown key 'blokcing', did you mean 'blocking'\?/,
  ],
  [
    'a verdict that is none',
    '{ "outcome": "completed", "summary": "x", "verdict": "approved" }',
    /'verdict' .*"approve"\|"request_changes"/,
  ],
])('a result file with %s is a failure of the agent that says what is wrong', async (_, written, reason) => {
  const { result } = await agentOf(answering(written)).turn()
  expect(result).toMatchObject({ outcome: 'failed', failure: 'agent', reason: expect.stringMatching(reason) })
  expect(result.reason).toMatch(/^The agent's result file is not valid: /)
})

test.each([
  ['too large', 'head -c 3000000 /dev/zero > "$SIGNALBOX_RESULT_FILE"', /3000000 bytes, and at most 1048576/],
  ['a folder', 'mkdir "$SIGNALBOX_RESULT_FILE"', /not a file/],
  ['a pipe', 'mkfifo "$SIGNALBOX_RESULT_FILE"', /not a file/],
  ['a link', 'ln -s /etc/passwd "$SIGNALBOX_RESULT_FILE"', /symbolic link/],
])('a result that is %s is not read', async (_, command, reason) => {
  expect((await agentOf(command).turn()).result).toMatchObject({
    outcome: 'failed',
    failure: 'agent',
    reason: expect.stringMatching(reason),
  })
})

test('the result of an earlier turn is not taken for this one’s', async () => {
  const { turn } = agentOf(`[ -e first ] || { touch first; ${answering({ outcome: 'no_change', summary: 'x' })}; }`)
  expect((await turn()).result.outcome).toBe('no_change')
  expect((await turn()).result.outcome).toBe('completed')
})

test('exit 1 is a failure of the agent with the end of its standard error, whatever its result file says', async () => {
  const { result } = await agentOf(
    `${answering({ outcome: 'completed', summary: 'x' })}; seq 1 5000 >&2; echo "no such model" >&2; exit 1`,
  ).turn()
  expect(result).toMatchObject({ outcome: 'failed', failure: 'agent' })
  expect(result.reason).toMatch(/^The agent ended with exit code 1\. Its standard error ended with:\n/)
  expect(result.reason!.endsWith('5000\nno such model')).toBe(true)
  expect(Buffer.byteLength(result.reason!)).toBeLessThan(4_200)
  expect(Buffer.byteLength(result.reason!)).toBeGreaterThan(4_000)
})

test('a signal that ends it is a failure of the agent', async () => {
  expect((await agentOf('kill -SEGV $$').turn()).result).toMatchObject({ failure: 'agent', reason: expect.stringContaining('SIGSEGV') })
})

test.each([
  ['does not exist', 'nonesuch-agent', /exit code 127.*nonesuch-agent/s],
  ['is not executable', '/etc/passwd', /exit code 126/],
])('a command that %s is a failure of the environment', async (_, command, reason) => {
  expect((await agentOf(command).turn()).result).toMatchObject({
    outcome: 'failed',
    failure: 'environment',
    reason: expect.stringMatching(reason),
  })
})

test('a command that never ends is ended, and is a failure of the environment', async () => {
  const { turn, worktree, records } = agentOf("trap '' TERM; echo $$ > pid; sleep 60 & echo $! > child; while :; do sleep 0.1; done", {
    limits: { grace: 200 },
  })
  const { result } = await turn({ timeout: 500 })
  expect(result).toMatchObject({ outcome: 'failed', failure: 'environment', reason: expect.stringContaining('did not end within') })
  for (const file of ['pid', 'child']) expect(isAlive(Number(read(worktree, file)))).toBe(false)
  expect(records()).toEqual([])
})

test('a worktree that is gone is a failure of the environment', async () => {
  const { turn, worktree, records } = agentOf('true')
  rmSync(worktree, { recursive: true })
  expect((await turn()).result).toMatchObject({ failure: 'environment', reason: expect.stringContaining('is not a folder') })
  expect(records()).toEqual([])
})

test('a run folder that cannot be written is a failure of the environment', async () => {
  const { turn, data } = agentOf('true')
  write(data, { occupied: '' })
  expect((await turn({ folder: join(data, 'occupied/run-1') })).result).toMatchObject({ failure: 'environment' })
})

test('an agent that deletes its worktree or its .git ends like any other', async () => {
  expect((await agentOf('rm -rf "$PWD"').turn()).result).toMatchObject({ outcome: 'completed' })
  expect((await agentOf('rm -rf .git').turn()).result).toMatchObject({ outcome: 'completed' })
})

test('while it runs it is on record and reported started once; afterwards it is not', async () => {
  const { turn, records, data } = agentOf('echo one; sleep 0.1; echo two')
  let during: string[] = []
  const { identities, progress } = await turn({}, (line) => {
    if (line === 'one') during = records()
  })
  expect(identities).toEqual([{ pid: expect.any(Number), group: identities[0]!.pid, startTime: expect.stringMatching(/^\d+$/) }])
  expect(during).toEqual([`${identities[0]!.pid}-${identities[0]!.startTime}.json`])
  expect(progress).toEqual(['one', 'two'])
  expect(records()).toEqual([])
  expect(existsSync(join(data, 'processes'))).toBe(true)
})

test('an agent that cannot be put on record is ended, not reported started', async () => {
  const { turn, data, worktree } = agentOf('echo $$ > pid; sleep 60')
  rmSync(join(data, 'processes'), { recursive: true })
  const { result, identities } = await turn()
  expect(result).toMatchObject({ outcome: 'failed', failure: 'environment' })
  expect(identities).toEqual([])
  if (existsSync(join(worktree, 'pid'))) await eventually(() => !isAlive(Number(read(worktree, 'pid'))))
  mkdirSync(join(data, 'processes'))
})

test('an abort ends its group and what left it with setsid, and settles', async () => {
  const command =
    'setsid sh -c "echo \\$\\$ > far; exec sleep 60" & sleep 60 & echo $! > near; while [ ! -s far ]; do sleep 0.01; done; echo ready; wait'
  const { turn, controller, worktree, records } = agentOf(command)
  const { result } = await turn({}, () => controller.abort())
  expect(result).toMatchObject({ outcome: 'failed', failure: 'environment' })
  for (const file of ['near', 'far']) expect(isAlive(Number(read(worktree, file)))).toBe(false)
  expect(records()).toEqual([])
})

test('an abort gives its group and what left it their time together, not one after the other', async () => {
  // Whoever inherits it ignores the polite signal as well.
  const command =
    'trap "" TERM; setsid sh -c "echo \\$\\$ > far; exec sleep 60" & while [ ! -s far ]; do sleep 0.01; done; echo ready; while :; do sleep 0.1; done'
  let abortedAt = 0
  const { turn, controller, worktree } = agentOf(command, { limits: { grace: 3_000 } })
  const { result } = await turn({}, () => {
    abortedAt = performance.now()
    controller.abort()
  })
  expect(result).toMatchObject({ outcome: 'failed', failure: 'environment' })
  expect(performance.now() - abortedAt).toBeLessThan(5_500)
  expect(isAlive(Number(read(worktree, 'far')))).toBe(false)
})

test('what a finished turn leaves in the background is ended, also what left with setsid', async () => {
  const command =
    'setsid sh -c "echo \\$\\$ > far; exec sleep 60" > /dev/null 2>&1 & sleep 60 & echo $! > near; while [ ! -s far ]; do sleep 0.01; done'
  const { turn, worktree } = agentOf(command)
  expect((await turn()).result.outcome).toBe('completed')
  for (const file of ['near', 'far']) expect(isAlive(Number(read(worktree, file)))).toBe(false)
})

test('one turn’s sweep leaves another’s processes alone', async () => {
  const slow = agentOf('echo $$ > pid; setsid sleep 0.8; echo survived')
  const running = slow.turn()
  await eventually(() => existsSync(join(slow.worktree, 'pid')))
  await agentOf('setsid sleep 60 &').turn()
  expect((await running).result).toEqual({ outcome: 'completed', summary: 'survived' })
})

test('an abort before the start starts nothing', async () => {
  const { turn, controller, worktree } = agentOf('touch started')
  controller.abort()
  const { result, identities } = await turn()
  expect(result).toMatchObject({ outcome: 'failed', failure: 'environment' })
  expect(identities).toEqual([])
  expect(existsSync(join(worktree, 'started'))).toBe(false)
})

test('100 MB of output are progress at a bounded rate and a bounded log', async () => {
  const { turn, folder } = agentOf('yes "all work and no play" | head -c 100000000; echo; echo the end', { limits: { output: 100_000 } })
  const { result, progress } = await turn()
  expect(result).toEqual({ outcome: 'completed', summary: 'the end' })
  expect(progress.length).toBeLessThan(100)
  expect(progress.at(-1)).toBe('the end')
  expect(statSync(join(folder, 'output.log')).size).toBeLessThan(200_000)
  expect(readFileSync(join(folder, 'output.log'), 'utf8').trimEnd().endsWith('the end')).toBe(true)
})

test('progress is its lines without colours and empty ones; the last of many is never lost', async () => {
  const { progress } = await agentOf("printf '\\033[1mone\\033[0m\\n\\n  \\n'; for i in $(seq 1 50); do echo $i; done").turn()
  expect(progress[0]).toBe('one')
  expect(progress.at(-1)).toBe('50')
  expect(progress.length).toBeLessThan(10)
})

test('a listener that throws ends the agent, and is no rejection', async () => {
  const { turn } = agentOf('echo one; sleep 60', { limits: { grace: 200 } })
  const { result } = await turn({}, () => {
    throw new Error('the system is stopping')
  })
  expect(result).toMatchObject({ failure: 'environment', reason: expect.stringContaining('the system is stopping') })
})

test('it cannot be steered', async () => {
  const { agent, request, controller } = agentOf('true')
  const started = agent.start(request, { signal: controller.signal, onEvent: () => {} })
  expect(await started.steer('turn left')).toBe(false)
  await started.result
})

test('what its processes use is told, of a short turn too, and of those that have ended', async () => {
  const burn =
    'node -e "const held = Buffer.alloc(80e6, 1); while (process.cpuUsage().user < 400e3); fs.writeFileSync(\'big\', held.subarray(0, 3e6))"'
  for (const namespace of [false, true]) {
    const { consumed } = await agentOf(`${burn} & wait`, { namespace }).turn()
    expect(consumed!.cpu).toBeGreaterThan(390)
    expect(consumed!.memory).toBeGreaterThan(80e6)
    expect(consumed!.processes).toBeGreaterThanOrEqual(2)
    // What is written to memory is not written to a disk.
    if (statfsSync(tmpdir()).type === 0x01021994) continue
    expect(consumed!.disk).toBeGreaterThanOrEqual(3e6)
    expect(consumed!.disk).toBeLessThan(6e6)
  }
})

test('over its bound of memory, or of what has to stay free of the disk, a turn is ended with all that it has started', async () => {
  const hog = agentOf("setsid node -e 'const held = Buffer.alloc(150e6, 1); setTimeout(() => held, 60e3)' & echo $! > pid; sleep 60", {
    bounds: { memory: 100 * 2 ** 20, cpu: null, file: null, free: 0 },
    limits: { watch: 200 },
  })
  const over = await hog.turn()
  expect(over.result).toMatchObject({
    outcome: 'failed',
    failure: 'environment',
    code: 'memory-exceeded',
    reason: expect.stringContaining('100 MiB'),
  })
  expect(isAlive(Number(read(hog.worktree, 'pid')))).toBe(false)
  const full = await agentOf('sleep 60', { bounds: { memory: null, cpu: null, file: null, free: 2 ** 60 } }).turn()
  expect(full.result).toMatchObject({ outcome: 'failed', failure: 'environment', code: 'disk-full' })
})

test('over its bound of processor time a turn is ended, however many processes have used it and whether they have ended', async () => {
  const bounds = { memory: null, cpu: 600, file: null, free: 0 }
  const spent = { outcome: 'failed', failure: 'environment', code: 'cpu-exceeded' }
  // None of them comes near to the bound by itself.
  const chain = agentOf("sleep 60 & echo $! > pid; while :; do timeout 0.1 sh -c 'while :; do :; done'; done", { bounds })
  const over = await chain.turn()
  expect(over.result).toMatchObject({ ...spent, reason: expect.stringMatching(/may use 0\.6 s \(`bounds\.cpu` of the agent\)/) })
  expect(over.consumed!.cpu).toBeGreaterThanOrEqual(600)
  expect(isAlive(Number(read(chain.worktree, 'pid')))).toBe(false)
  // Nor does it matter who sees it first: a look, or the end of one that died of it.
  const burn = 'node -e "while (process.cpuUsage().user < 700e3); process.exit(1)"'
  expect((await agentOf(burn, { bounds }).turn()).result).toMatchObject(spent)
})

test('the kernel holds each of its processes to somewhat more processor time, and to the file size that it may have', async () => {
  const bounds = { memory: null, cpu: 1_000, file: 1_000_000, free: 0 }
  expect((await agentOf('ulimit -t', { bounds }).turn()).result.summary).toBe('6')
  const { result } = await agentOf('head -c 2000000 /dev/zero > big || true; wc -c < big', { bounds }).turn()
  expect(result.summary).toBe('1000448')
})

test.runIf(namespaceWords() !== null)('in a namespace of its own nothing outlives it, an emptied environment or not', async () => {
  const beat = 'while :; do date +%s%N > beat; sleep 0.05; done'
  const command = `env -i PATH="$PATH" setsid sh -c '${beat}' > /dev/null 2>&1 & while [ ! -s beat ]; do sleep 0.02; done; echo started`
  const inNamespace = agentOf(command, { namespace: true })
  expect((await inNamespace.turn()).result).toEqual({ outcome: 'completed', summary: 'started' })
  const last = read(inNamespace.worktree, 'beat')
  await new Promise((resolve) => setTimeout(resolve, 400))
  expect(read(inNamespace.worktree, 'beat')).toBe(last)
  const killed = agentOf(`${command}; sleep 60`, { namespace: true })
  const { result } = await killed.turn({}, () => killed.controller.abort())
  expect(result).toMatchObject({ outcome: 'failed' })
  const stopped = read(killed.worktree, 'beat')
  await new Promise((resolve) => setTimeout(resolve, 400))
  expect(read(killed.worktree, 'beat')).toBe(stopped)
})

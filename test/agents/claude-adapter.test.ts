// The adapter of Claude Code: its rules, its fields and its transcript as they are, and on the real program what no other kind has.

import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createClaudeAgent, type ClaudeOptions } from '../../src/actors/agents/claude.ts'
import { failureOf } from '../../src/actors/agents/claude/failure.ts'
import { createItems } from '../../src/actors/agents/claude/items.ts'
import { readMessage, type ClaudeResult } from '../../src/actors/agents/claude/messages.ts'
import { decide, type Rules } from '../../src/actors/agents/claude/permissions.ts'
import { bashSandbox } from '../../src/actors/agents/claude/sandbox.ts'
import { readTurn } from '../../src/actors/agents/claude/transcript.ts'
import { createUsage } from '../../src/actors/agents/claude/usage.ts'
import { endOrphans } from '../../src/actors/agents/orphans.ts'
import { childEnvironment } from '../../src/actors/process.ts'
import { temporaryFolder } from '../actors/repository.ts'
import { agentBinaries } from './binaries.ts'
import { createGround, git, play, read, until, type Candidate, type Ground, type Played } from './conformance/ground.ts'
import { claudeHome } from './homes.ts'
import { createModel, type Model } from './model/server.ts'
import { answer, edit, fail, shell, slow, together, tool, write } from './model/steps.ts'

describe('its rules', () => {
  let worktree: string
  let rules: Rules
  beforeEach(() => {
    const folder = temporaryFolder()
    worktree = join(folder, 'worktree')
    const turn = join(folder, 'turn')
    for (const path of [worktree, turn, join(folder, 'other')]) mkdirSync(path)
    symlinkSync(join(folder, 'other'), join(worktree, 'out'))
    symlinkSync(join(folder, 'other', 'later.txt'), join(worktree, 'dangling'))
    symlinkSync('around', join(worktree, 'around'))
    rules = { mode: 'workspace-write', worktree, writable: [turn], network: false, isBashSandboxed: false }
  })
  const edits = (path: string, more: Partial<Rules> = {}): boolean =>
    decide({ tool: 'Write', input: { file_path: path } }, { ...rules, ...more }).allowed
  const uses = (name: string, more: Partial<Rules> = {}): boolean => decide({ tool: name, input: {} }, { ...rules, ...more }).allowed

  test.each([
    ['new.txt', true],
    ['deep/er/new.txt', true],
    ['.claude/settings.json', true],
    ['../turn/notes.md', true],
    ['../other/x', false],
    ['../worktree-of-another/x', false],
    ['out/x', false],
    ['dangling', false],
    ['.git', false],
  ])('a file may be written in the worktree and the folder of its turn, whatever links lead there: %s', (path, allowed) => {
    expect(edits(join(worktree, path))).toBe(allowed)
  })

  test('a path that depends on where it is read from is refused, and so is one that leads nowhere', () => {
    expect([edits('new.txt'), edits('~/.bashrc'), edits(''), decide({ tool: 'Edit', input: {} }, rules).allowed]).toEqual(
      Array(4).fill(false),
    )
    expect(decide({ tool: 'NotebookEdit', input: { notebook_path: join(worktree, 'a.ipynb') } }, rules).allowed).toBe(true)
    expect(() => edits(join(worktree, 'around'))).not.toThrow()
  })

  test('in a turn that only reads nothing is edited, and a command is run only in a sandbox', () => {
    const reading = { mode: 'read-only' } as const
    expect(edits(join(worktree, 'new.txt'), reading)).toBe(false)
    expect([uses('Bash', reading), uses('Bash', { ...reading, isBashSandboxed: true }), uses('Bash')]).toEqual([false, true, true])
    expect([uses('mcp__linear__search', reading), uses('mcp__linear__search')]).toEqual([false, true])
    expect(uses('Read', reading)).toBe(true)
  })

  test.each([
    ['git log --oneline -5', true],
    ['git diff main...HEAD -- src/a.ts', true],
    ['git show HEAD~1:a.txt', true],
    ['git diff --output=/etc/passwd', false],
    ['git log --outp=x', false],
    ['git log; rm -rf .', false],
    ['git log\nrm -rf .', false],
    ['git show $(touch x)', false],
    ['git -c core.pager=x log', false],
    ['git commit --allow-empty -m x', false],
    ['git log > x', false],
    ['npm test', false],
  ])('in a turn that only reads, without a sandbox, history is read, and no more: %s', (command, allowed) => {
    expect(decide({ tool: 'Bash', input: { command } }, { ...rules, mode: 'read-only' }).allowed).toBe(allowed)
  })

  test('the network is what the turn has, what nobody knows is refused, and without a sandbox mode everything goes', () => {
    expect([uses('WebFetch'), uses('WebFetch', { network: true }), uses('SandboxNetworkAccess')]).toEqual([false, true, false])
    expect(uses('LaunchMissiles')).toBe(false)
    const danger = { mode: 'danger-full-access' } as const
    expect([uses('LaunchMissiles', danger), edits('/etc/passwd', danger)]).toEqual([true, true])
  })
})

describe('its failures', () => {
  const result = (more: Partial<ClaudeResult>): ClaudeResult => ({ type: 'result', subtype: 'success', is_error: true, ...more })
  const rejected = { status: 'rejected', resetsAt: 2_000 }

  test.each([
    ['authentication_failed', { api_error_status: 401, api_error_type: 'authentication_error' }, 'auth', 'authentication_failed 401'],
    ['billing_error', { api_error_status: 400, api_error_type: 'invalid_request_error' }, 'auth', 'billing_error 400'],
    ['rate_limit', { api_error_status: 429 }, 'capacity', 'rate_limit 429'],
    // Claude has one word for both: the provider's own decides.
    ['server_error', { api_error_status: 529, api_error_type: 'overloaded_error' }, 'capacity', 'overloaded_error 529'],
    ['server_error', { api_error_type: 'overloaded_error' }, 'capacity', 'overloaded_error'],
    ['server_error', { api_error_status: 500, api_error_type: 'api_error' }, 'environment', 'api_error 500'],
    ['server_error', { api_error: 'connection_failed' }, 'environment', 'connection_failed'],
    ['unknown', { api_error_status: 400, api_error_type: 'invalid_request_error' }, 'agent', 'invalid_request_error 400'],
    ['unheard_of', { api_error_status: 503 }, 'capacity', 'unheard_of 503'],
    [null, { subtype: 'error_max_turns' }, 'agent', 'error_max_turns'],
    [null, { subtype: 'error_during_execution', terminal_reason: 'aborted_tools' }, 'environment', 'interrupted'],
    [null, { subtype: 'error_during_execution' }, 'environment', 'error_during_execution'],
  ] as const)('%s, %o: %s', (error, more, failure, code) => {
    expect(failureOf(result(more), error, null, 0)).toMatchObject({ outcome: 'failed', failure, code })
  })

  test('what is too long is exhausted, and a used-up plan is renewed when it is said to be', () => {
    expect(failureOf(result({ terminal_reason: 'prompt_too_long' }), 'invalid_request', null, 0)).toMatchObject({
      failure: 'agent',
      exhausted: true,
    })
    expect(failureOf(result({}), 'rate_limit', rejected, 1_000)).toMatchObject({ failure: 'capacity', retryAt: 2_000_000 })
    expect(failureOf(result({}), 'rate_limit', rejected, 3_000_000)).not.toHaveProperty('retryAt')
    expect(failureOf(result({}), 'rate_limit', { status: 'allowed', resetsAt: 2_000 }, 0)).not.toHaveProperty('retryAt')
    expect(failureOf(result({}), 'billing_error', rejected, 0)).not.toHaveProperty('retryAt')
  })
})

describe('its messages', () => {
  test('one of an unknown type is nothing, and unknown blocks and fields are left out', () => {
    expect(readMessage({ type: 'new_in_3_0', of: 'interest' })).toBe(null)
    expect(readMessage({ type: 'assistant', message: 'not of the form' })).toBe(null)
    const said = { id: 'a', content: [{ text: 'no type' }, 7, { type: 'text', text: 'words', citations: [] }], model: 'x', new: {} }
    expect(readMessage({ type: 'assistant', message: said, more: true })).toMatchObject({
      message: { content: [{ type: 'text', text: 'words' }] },
    })
  })

  test('a message that comes in parts is counted once, and results have the last word', () => {
    const usage = createUsage()
    const tokens = { input_tokens: 300, cache_creation_input_tokens: 100, cache_read_input_tokens: 600, output_tokens: 1 }
    expect([usage.addMessage('a', tokens), usage.addMessage('a', tokens)]).toEqual([true, false])
    expect(usage.total()).toEqual({ inputTokens: 1_000, cachedTokens: 600, writtenTokens: 100, outputTokens: 1, usd: 0 })
    const models = { m: { inputTokens: 300, cacheReadInputTokens: 600, cacheCreationInputTokens: 100, outputTokens: 77, costUSD: 0.5 } }
    usage.addResult({ type: 'result', subtype: 'success', is_error: false, model_usage_since_last_result: models })
    expect(usage.total()).toEqual({ inputTokens: 1_000, cachedTokens: 600, writtenTokens: 100, outputTokens: 77, usd: 0.5 })
    // A message that no result knows, and a result that knows less.
    usage.addMessage('b', tokens)
    expect(usage.total()!.inputTokens).toBe(2_000)
  })

  test('steps of a plan have their words, an edit that failed is none, one beside the worktree has no size, and what a called agent says is not said here', () => {
    const items = createItems('/w')
    const call = (id: string, name: string, input: object) => items.said({ type: 'tool_use', id, name, input: { ...input } }, false)
    expect(call('1', 'TaskCreate', { subject: 'Greet', activeForm: 'Greeting' })).toMatchObject({ line: 'plans: Greet', item: 'plan' })
    items.returned({ type: 'tool_result', tool_use_id: '1' }, { task: { id: '7' } })
    expect(call('2', 'TaskUpdate', { taskId: '7', status: 'in_progress' })).toMatchObject({ line: 'Greeting', item: 'plan' })
    expect(call('3', 'Edit', { file_path: '/w/a/b.ts' })).toBe(null)
    expect(items.returned({ type: 'tool_result', tool_use_id: '3' }, null)).toEqual({
      type: 'progressed',
      line: 'edited a/b.ts',
      item: 'edit',
      files: ['a/b.ts'],
    })
    call('4', 'Edit', { file_path: '/w/a/b.ts' })
    expect(items.returned({ type: 'tool_result', tool_use_id: '4', is_error: true }, null)).toBe(null)
    call('6', 'Write', { file_path: '/turn/notes.md' })
    const notes = items.returned({ type: 'tool_result', tool_use_id: '6' }, { type: 'create', content: 'x\n', structuredPatch: [] })
    expect(notes).not.toHaveProperty('diff')
    expect(items.said({ type: 'text', text: 'aside' }, true)).toBe(null)
    expect(call('5', 'Bash', { command: `${'x'.repeat(9_000)}\nmore` })!.line).toHaveLength(500)
  })
})

describe('its transcript', () => {
  const line = (entry: object): string => JSON.stringify(entry)
  const prompt = line({ type: 'user', uuid: 'p', message: { content: 'go' } })
  const said = (content: object[], stop: string | null, more = {}): string =>
    line({
      type: 'assistant',
      message: { id: `m${content.length}`, content, stop_reason: stop, usage: { input_tokens: 5, output_tokens: 9 } },
      ...more,
    })
  const call = { type: 'tool_use', id: 'c', name: 'StructuredOutput', input: { outcome: 'completed' } }
  const returned = (more = {}): string =>
    line({ type: 'user', uuid: 'r', message: { content: [{ type: 'tool_result', tool_use_id: 'c', ...more }] } })
  const words = { type: 'text', text: 'Done.' }

  test.each([
    ['its last words', [prompt, said([words], 'end_turn')], { words: 'Done.' }],
    ['its answer', [prompt, said([words, call], 'tool_use'), returned()], { words: 'Done.', answer: { outcome: 'completed' } }],
    ['an answer that was refused', [prompt, said([call], 'tool_use'), returned({ is_error: true })], null],
    ['a call that has not returned', [prompt, said([call], 'tool_use')], null],
    ['what was said before the prompt', [said([words], 'end_turn'), prompt], null],
    ['another session’s', [said([words], 'end_turn')], null],
    ['what a called agent says', [prompt, said([words], 'end_turn', { isSidechain: true })], null],
    ['something that is said to it since', [prompt, said([words], 'end_turn'), line({ type: 'user', message: { content: 'more' } })], null],
    ['a line that is cut off', [prompt, said([words], 'end_turn'), '{"type":"assis'], { words: 'Done.' }],
    ['a refusal of the provider', [prompt, said([words], 'end_turn', { error: 'server_error' })], null],
  ])('ends with %s', (_, lines, end) => {
    expect(readTurn(lines.join('\n'), 'p').end).toEqual(end)
  })
})

describe('on the real program', () => {
  let model: Model
  let program: string
  const closing: (() => unknown)[] = []
  beforeAll(async () => {
    model = await createModel()
    program = (await agentBinaries()).claude
  })
  afterAll(() => model.close())
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close()
  })

  const ground = (): Ground => {
    const made = createGround()
    closing.push(made.remove, () => endOrphans(made.dataFolder, 100))
    return made
  }
  const claude = (more: Partial<ClaudeOptions> = {}): Candidate => ({
    kind: 'claude',
    can: {
      protocol: true,
      resume: true,
      fork: true,
      steer: true,
      ask: true,
      items: true,
      usage: true,
      exhausted: true,
      resetTime: true,
      sandbox: false,
    },
    stops: [],
    create: ({ folder, processes }, { name, messagesUrl }, { wrap = '', env = {} }) =>
      createClaudeAgent({
        ...{ name: 'claude', command: `${wrap} ${program}`.trim(), model: null, effort: null, sandbox: 'workspace-write', processes },
        env: { ...claudeHome(folder, messagesUrl, name).env, ...env },
        limits: { reread: 1_500, request: 60_000 },
        ...more,
      }),
  })
  const done = answer({ outcome: 'completed', summary: 'Greets.', question: null, prTitle: 'Greet', prBody: 'It greets.' })
  const asked = ({ events }: Played): string[] =>
    events.flatMap((event) => (event.type === 'asked' ? [`${event.answer} ${event.text}`] : []))
  const heard = ({ scenario }: Played): string => JSON.stringify(scenario.requests().at(-1)?.body)

  test('the operator’s guidance is read; guidance, hooks, servers and settings of the branch are not', { timeout: 120_000 }, async () => {
    const place = ground()
    const hook = (whose: string) => ({
      UserPromptSubmit: [{ hooks: [{ type: 'command', command: `echo ${whose} >> ${place.folder}/ran` }] }],
    })
    const server = { x: { command: 'sh', args: ['-c', `echo server >> ${place.folder}/ran`] } }
    mkdirSync(join(place.worktree, '.claude'))
    writeFileSync(join(place.worktree, '.claude/settings.json'), JSON.stringify({ hooks: hook('branch'), env: { FROM_BRANCH: 'yes' } }))
    writeFileSync(join(place.worktree, '.mcp.json'), JSON.stringify({ mcpServers: server }))
    writeFileSync(join(place.worktree, 'CLAUDE.md'), 'BRANCH-GUIDANCE\n')
    const { home } = claudeHome(place.folder, '')
    // The operator allows edits everywhere, and its sessions begin in another mode.
    const permissions = { allow: ['Write'], defaultMode: 'acceptEdits' }
    writeFileSync(join(home, 'settings.json'), JSON.stringify({ hooks: hook('operator'), permissions }))
    writeFileSync(join(home, 'CLAUDE.md'), 'OPERATOR-GUIDANCE\n')
    symlinkSync(place.folder, join(place.worktree, 'out'))
    const played = play(claude(), place, model, [
      together(write(join(place.folder, 'beside.txt'), 'x'), write('out/x.txt', 'x'), write('in.txt', 'x')),
      shell('echo "<$FROM_BRANCH>"'),
      done,
    ])
    expect(await played.turn.result).toMatchObject({ outcome: 'completed' })
    expect(heard(played)).not.toContain('BRANCH-GUIDANCE')
    expect(heard(played)).toContain('OPERATOR-GUIDANCE')
    expect(
      played.scenario
        .requests()
        .at(-1)!
        .results.map(({ output }) => output)
        .join('\n'),
    ).toContain('<>')
    expect(readdirSync(place.folder)).not.toContain('ran')
    expect(readdirSync(place.folder)).not.toContain('x.txt')
    expect(readdirSync(place.folder)).not.toContain('beside.txt')
    expect(read(place.worktree, 'in.txt')).toBe('x')
    expect(asked(played)).toEqual([
      expect.stringMatching(/^refused Write .*beside\.txt/),
      expect.stringMatching(/^refused Write .*out\/x\.txt/),
    ])
  })

  test('a turn that only reads sees the history and changes nothing', { timeout: 120_000 }, async () => {
    const place = ground()
    const attempts = [
      shell('git log --format=%s'),
      write('new.txt', 'x'),
      shell('echo x > new.txt'),
      shell('git commit --allow-empty -qm no'),
    ]
    const played = play(claude({ sandbox: 'read-only' }), place, model, [...attempts, done])
    expect(await played.turn.result).toMatchObject({ outcome: 'completed' })
    expect(played.scenario.requests()[1]!.results[0]!.output).toContain('The start')
    expect(git(place.worktree, 'status', '--porcelain')).toBe('')
    expect(git(place.worktree, 'log', '--format=%s')).toBe('The start')
  })

  test('without a sandbox mode it writes where it likes', { timeout: 120_000 }, async () => {
    const place = ground()
    const played = play(claude({ sandbox: 'danger-full-access' }), place, model, [
      together(write(join(place.folder, 'beside.txt'), 'x'), shell(`echo y > ${place.folder}/shell.txt`)),
      done,
    ])
    expect(await played.turn.result).toMatchObject({ outcome: 'completed' })
    expect([read(place.folder, 'beside.txt'), read(place.folder, 'shell.txt')]).toEqual(['x', 'y\n'])
  })

  test(
    'the size of its change is summed up from its edits: of files that are new, written over and changed in a place',
    {
      timeout: 120_000,
    },
    async () => {
      const place = ground()
      const cell = { cell_type: 'code', id: 'a', source: '1', metadata: {}, outputs: [], execution_count: null }
      const notebook = { cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 5 }
      writeFileSync(join(place.worktree, 'a.ipynb'), JSON.stringify(notebook, null, 1))
      const look = (name: string) => tool('Read', { file_path: join(place.worktree, name) })
      const played = play(claude(), place, model, [
        write('new.txt', 'one\ntwo\n'),
        look('greet.txt'),
        edit('greet.txt', 'hello\n', 'hello\nworld\n'),
        look('README.md'),
        write('README.md', '# the app\n\nIt greets.\n'),
        look('a.ipynb'),
        tool('NotebookEdit', { notebook_path: join(place.worktree, 'a.ipynb'), cell_id: 'a', new_source: '2' }),
        done,
      ])
      expect(await played.turn.result).toMatchObject({ outcome: 'completed' })
      const told = played.events.flatMap((event) => (event.type === 'progressed' && event.item === 'edit' ? [event] : []))
      expect(told.map(({ files, diff }) => [...files!, diff])).toEqual([
        ['new.txt', { files: 1, added: 2, removed: 0 }],
        ['greet.txt', { files: 2, added: 3, removed: 0 }],
        ['README.md', { files: 3, added: 6, removed: 1 }],
        ['a.ipynb', { files: 4, added: 7, removed: 2 }],
      ])
    },
  )

  test.each([
    ['the process goes on', `grep --line-buffered -v '"type":"result"'`],
    ['the process is gone', `{ sed -u '/"type":"result"/Q'; kill -9 0; }`],
  ])('a result that was missed on the stream is read from the transcript: %s', { timeout: 120_000 }, async (_, filter) => {
    const place = ground()
    writeFileSync(join(place.folder, 'lossy.sh'), `"$@" | ${filter}\n`)
    const played = play(claude(), place, model, [write('new.txt', 'x'), done], {}, { wrap: `sh ${place.folder}/lossy.sh` })
    const result = await played.turn.result
    expect(result).toMatchObject({ outcome: 'completed', summary: 'Greets.', prTitle: 'Greet' })
    // With the numbers of the transcript: those of the stream are of the beginning of each message.
    expect(result.usage).toMatchObject({ inputTokens: 200, outputTokens: 20 })
  })

  test('the model that it names when it begins is told with what it uses', { timeout: 120_000 }, async () => {
    const played = play(claude(), ground(), model, [shell('true'), done])
    const result = await played.turn.result
    expect(result.model).toMatch(/^claude-sonnet-4-5/)
    const told = played.events.flatMap((event) => (event.type === 'used' ? [event.model] : []))
    expect(new Set(told)).toEqual(new Set([result.model]))
  })

  test('a text that comes too late for its answer is answered next, and that is the answer', { timeout: 120_000 }, async () => {
    const place = ground()
    const second = answer({ outcome: 'completed', summary: 'Greets the moon.', question: null, prTitle: null, prBody: null })
    const played = play(claude(), place, model, [...slow(3_000, done), second])
    await until(() => played.events.some(({ type }) => type === 'started'), 'the turn')
    await played.scenario.request(0, 60_000)
    expect(await played.turn.steer('And the moon.')).toBe(true)
    expect(await played.turn.result).toMatchObject({ summary: 'Greets the moon.', usage: { inputTokens: 200 } })
    expect(heard(played)).toContain('And the moon.')
  })

  test('an account without credit is for a person, and a tool that is not offered is not there', { timeout: 120_000 }, async () => {
    const played = play(claude(), ground(), model, [tool('EnterWorktree', { name: 'x' }), fail('no-credit')])
    expect(await played.turn.result).toMatchObject({ outcome: 'failed', failure: 'auth', code: 'billing_error 400' })
    expect(played.scenario.requests()[1]!.results[0]!.output).toContain('No such tool')
  })

  const here = bashSandbox(childEnvironment())

  test('whether its commands are sandboxed is known, and what is missing', async () => {
    const empty = temporaryFolder()
    const { sandboxed, reason } = await bashSandbox({ PATH: empty })
    if (process.platform === 'linux')
      expect({ sandboxed, reason }).toEqual({ sandboxed: false, reason: expect.stringContaining('bwrap and socat') })
    writeFileSync(join(empty, 'bwrap'), '#!/bin/sh\necho "No permissions to create a new namespace" >&2; exit 1\n', { mode: 0o755 })
    writeFileSync(join(empty, 'socat'), '', { mode: 0o755 })
    if (process.platform === 'linux') expect((await bashSandbox({ PATH: empty })).reason).toContain('No permissions')
    expect((await here).reason === null).toBe((await here).sandboxed)
  })

  test(
    'where they are, its commands write in the worktree and commit; nothing of the sandbox stays when it is killed',
    { timeout: 180_000 },
    async ({ skip }) => {
      const { sandboxed, reason } = await here
      skip(!sandboxed, reason ?? '')
      const place = ground()
      const script = [
        // A file of a name that the sandbox protects is committed like others when it is really there.
        write('.gitmodules', '# none\n'),
        shell('echo x > in.txt; git add --all && git commit --quiet --message Greet; touch begun; sleep 60'),
      ]
      const played = play(claude(), place, model, script)
      await until(() => readdirSync(place.worktree).includes('begun'), 'the last command')
      // An interrupted Claude tidies up by itself.
      process.kill(-played.events.flatMap((event) => (event.type === 'started' ? [event.process.group] : []))[0]!, 'SIGKILL')
      expect(await played.turn.result).toMatchObject({ outcome: 'failed', died: true })
      expect(git(place.worktree, 'show', '--name-only', '--format=%s').split('\n').filter(Boolean)).toEqual([
        'Greet',
        '.gitmodules',
        'in.txt',
      ])
      expect(git(place.worktree, 'status', '--porcelain')).toBe('?? begun')
    },
  )

  /** Tries to write each of them, and says of which it could. */
  const tryAll = (paths: string[]) =>
    shell(`for path in ${paths.map((path) => `"${path}"`).join(' ')}; do { : >> "$path"; } 2> /dev/null && echo "$path"; done; true`)

  test(
    'where they are, its commands write of the clone what a commit needs, and nothing else, also as root',
    { timeout: 180_000 },
    async ({ skip }) => {
      const { sandboxed, reason } = await here
      skip(!sandboxed, reason ?? '')
      const place = ground()
      const { clone, worktree } = place
      for (const name of ['other', 'signalbox/packed', 'signalbox/loose']) git(clone, 'branch', name, 'main')
      git(clone, 'pack-refs', '--all')
      git(clone, 'update-ref', 'refs/heads/signalbox/loose', git(clone, 'commit-tree', '-m', 'x', 'main^{tree}'))
      writeFileSync(join(clone, 'objects/info/alternates'), '')
      const before = git(clone, 'for-each-ref')
      const own = 'worktrees/APP-1'
      const open = ['refs/heads/signalbox/new', 'logs/refs/heads/signalbox/new', 'objects/new', `${own}/new`, `${own}/HEAD`]
      const closed = [
        ...['new', 'config', 'config.lock', 'HEAD', 'packed-refs', 'packed-refs.lock', 'shallow', 'hooks/pre-commit', 'info/exclude'],
        ...['refs/heads/new', 'refs/heads/other', 'refs/heads/signalbox/loose', 'refs/stash', 'refs/tags/new', 'logs/HEAD'],
        ...['worktrees/new', 'objects/info/alternates', `${own}/commondir`, `${own}/gitdir`],
      ]
      const beside = [join(place.folder, 'beside.txt'), join(worktree, '.git'), '/tmp/beside-signalbox', '$HOME/beside.txt']
      const played = play(claude(), place, model, [
        tryAll([...[...open, ...closed].map((path) => join(clone, path)), ...beside, '$TMPDIR/x']),
        shell(
          `rm ${open
            .slice(0, 4)
            .map((path) => join(clone, path))
            .join(' ')}`,
        ),
        shell(
          [
            `mount -o remount,bind,rw / || umount ${clone}/refs/heads/signalbox/loose || unshare --user --map-root-user --mount true`,
            `mv ${clone}/${own}/commondir ${clone}/${own}/moved || git update-ref refs/heads/signalbox/loose HEAD`,
            'git branch --force other HEAD || git config user.name Mallory || echo not one',
          ].join(' || '),
        ),
        shell(
          'echo x > in.txt; git add --all && git commit --quiet --message Greet && git commit --quiet --amend --message Hello; git status',
        ),
        done,
      ])
      expect(await played.turn.result).toMatchObject({ outcome: 'completed' })
      const [tried, , forced] = played.scenario
        .requests()
        .at(-1)!
        .results.map(({ output }) => output)
      expect(tried!.trim().split('\n').slice(0, -1)).toEqual(open.map((path) => join(clone, path)))
      expect(forced).toMatch(/not one\s*$/)
      const isOurs = /^\S+ commit\trefs\/heads\/signalbox\/app-1-greet$/m
      expect(git(clone, 'for-each-ref').replace(isOurs, '')).toBe(before.replace(isOurs, ''))
      expect(git(worktree, 'log', '--format=%s')).toBe('Hello\nThe start')
      expect(git(worktree, 'status', '--porcelain')).toBe('')
      git(clone, 'worktree', 'remove', worktree)
    },
  )

  test('where they are not, its file tools are held to the worktree, and its commands are not', { timeout: 180_000 }, async () => {
    const place = ground()
    const link = read(place.worktree, '.git')
    const programs = join(place.folder, 'programs')
    mkdirSync(programs)
    for (const folder of (process.env['PATH'] ?? '').split(':').filter((path) => existsSync(path))) {
      for (const name of readdirSync(folder)) {
        const isKept = name !== 'bwrap' && name !== 'socat' && !existsSync(join(programs, name))
        if (isKept) symlinkSync(join(folder, name), join(programs, name))
      }
    }
    const played = play(
      claude(),
      place,
      model,
      [
        together(write(join(place.folder, 'tool.txt'), 'x'), shell(`echo x > ${place.folder}/shell.txt`)),
        shell('echo x > in.txt; git add --all && git commit --quiet --message Greet'),
        done,
      ],
      {},
      { env: { PATH: programs } },
    )
    expect(await played.turn.result).toMatchObject({ outcome: 'completed' })
    expect(asked(played)).toEqual([expect.stringMatching(/^refused Write .*tool\.txt/)])
    expect(readdirSync(place.folder)).toContain('shell.txt')
    expect(git(place.worktree, 'log', '--format=%s', '-1')).toBe('Greet')
    expect(read(place.worktree, '.git')).toBe(link)
  })
})

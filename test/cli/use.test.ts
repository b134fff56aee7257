// How the command line is used rightly and wrongly: words, flags, help, JSON and exit codes, on the real program.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { helpOf } from '../../src/cli/command.ts'
import { commands } from '../../src/cli/commands.ts'
import { bin, createHome, type Home } from './program.ts'

let home: Home
beforeAll(() => {
  home = createHome()
})
afterAll(() => home.remove())

describe('wrong use exits 2 and says what was meant', () => {
  test.each([
    ['statsu', 'Unknown command "statsu". Did you mean `signalbox status`?'],
    ['frobnicate', 'Unknown command "frobnicate". `signalbox --help` lists the commands.'],
    ['__proto__', 'Unknown command "__proto__"'],
    ['constructor', 'Unknown command "constructor"'],
    ['--nope', 'Unknown flag --nope'],
    ['status --folow', 'Unknown flag --folow for `signalbox status`. Did you mean --follow?'],
    ['status --constructor', 'Unknown flag --constructor'],
    ['submit', 'TITLE is missing'],
    ['submit a b', 'Too many arguments: "b"'],
    ['submit x --body', '--body needs a value'],
    ['submit x --body --json', '--body needs a value: --body TEXT. If the value is "--json", write --body=--json.'],
    ['submit x --priority 9', '--priority must be one of 0, 1, 2, 3, 4, not "9"'],
    ['submit x --body a --body-file b', 'exclude each other'],
    ['submit x --pull-request abc', '--pull-request must be the number of a pull request, not "abc"'],
    ['submit x --pull-request 0', '--pull-request must be the number of a pull request, not "0"'],
    ['status --json=yes', '--json is a switch and takes no value'],
    ['explain', 'KEY is missing'],
    ['timeline', 'KEY is missing'],
    ['replay', 'KEY is missing'],
    ['replay APP-1 --at soon', '--at must be the number of a journal entry, not "soon"'],
    ['prompt APP-1', 'TEXT is missing'],
    ['comment APP-1', 'TEXT is missing'],
    ['stop', 'KEY is missing'],
    ['retry', 'KEY is missing'],
    ['retry APP-1 --run-type ci_repar', 'Did you mean ci_repair?'],
    ['close APP-1 --as finished', '--as must be one of done, failed, not "finished"'],
    ['delegate', 'KEY is missing'],
    ['undelegate', 'KEY is missing'],
    ['cancel', 'KEY is missing'],
    ['approve', 'KEY is missing'],
    ['request-changes APP-1', '--body is missing'],
    ['feed --level bad', '--level must be one of info, warn, error'],
    ['logs --lines many', '--lines must be a number'],
    ['backup', 'FILE is missing'],
    ['restore', 'FILE is missing'],
    ['pause app more', 'Too many arguments: "more"'],
    ['help statsu', 'Unknown command "statsu"'],
  ])('signalbox %s', async (line, sentence) => {
    const { code, stdout, stderr } = await home.run(line.split(' '))
    expect(stderr).toContain(sentence)
    expect(stderr).not.toContain('    at ')
    expect(stdout).toBe('')
    expect(code).toBe(2)
  })

  test('an empty title', async () => {
    const { code, stderr } = await home.run(['submit', ''])
    expect(stderr).toContain('TITLE is empty')
    expect(code).toBe(2)
  })

  test('no project where there are several', async () => {
    home.writeConfig({
      projects: [
        { id: 'app', repo: '.' },
        { id: 'docs', repo: '.' },
      ],
    })
    const { code, stderr } = await home.run(['submit', 'x'])
    expect(stderr).toContain('say which with --project ID. Configured are: app, docs.')
    expect(code).toBe(2)
    expect((await home.run(['submit', 'x', '--project', 'docs'])).stderr).toContain('No server answers')
  })

  test('a file that cannot be read', async () => {
    home.writeConfig()
    const { code, stderr } = await home.run(['submit', 'x', '--body-file', 'nope.md'])
    expect(stderr).toContain('--body-file')
    expect(stderr).toContain('nope.md does not exist')
    expect(code).toBe(2)
  })
})

describe('a text without an end is not read to it', () => {
  test.each([
    ['a device', ['submit', 'x', '--body-file', '/dev/zero'], '--body-file is too long: at most 256 KiB are taken'],
    ['standard input', ['submit', 'x', '--body-file', '-'], '--body-file is too long: at most 256 KiB are taken'],
    ['a text of an action', ['prompt', 'APP-1', '-'], 'TEXT is too long: at most 256 KiB are taken'],
  ])('%s', async (_, args, sentence) => {
    home.writeConfig()
    const child = spawn('/bin/sh', ['-c', 'exec timeout 20 "$@" < /dev/zero', 'sh', process.execPath, bin, ...args], {
      cwd: home.folder,
      env: home.variables,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const [stderr, [code]] = await Promise.all([readText(child.stderr), once(child, 'exit')])
    expect(stderr).toContain(sentence)
    expect(code).toBe(2)
  })

  test('what is as long as it may be is sent', async () => {
    home.writeConfig()
    writeFileSync(join(home.folder, 'long.md'), 'x'.repeat(256 * 1024))
    expect((await home.run(['submit', 'x', '--body-file', 'long.md'])).stderr).toContain('No server answers')
  })
})

describe('help', () => {
  test.each(Object.entries(commands))('%s has its usage and an example', async (name, load) => {
    const text = helpOf((await load()).command)
    expect(text).toContain(`Usage: signalbox ${name}`)
    expect(text).toMatch(/Examples:\n {2}signalbox /)
    expect(text).toContain('--json')
  })

  test('--help needs no configuration and wins over missing arguments', async () => {
    const { code, stdout, stderr } = await home.run(['submit', '--help'])
    expect(stdout).toContain('Usage: signalbox submit TITLE')
    expect(stderr).toBe('')
    expect(code).toBe(0)
  })

  test('the list names every command', async () => {
    const { code, stdout } = await home.run(['--help'])
    for (const name of Object.keys(commands)) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
    expect(code).toBe(0)
    expect((await home.run(['help', 'submit'])).stdout).toContain('Usage: signalbox submit TITLE')
    expect((await home.run(['serve', '-h'])).stdout).toContain('Alias: serve')
    expect((await home.run(['submit', '--nope', '--help'])).code).toBe(2)
  })

  test('no command at all prints it and is wrong use', async () => {
    const { code, stdout } = await home.run([])
    expect(stdout).toContain('Usage: signalbox COMMAND')
    expect(code).toBe(2)
  })
})

describe('a configuration that cannot be used exits 2', () => {
  const cases: [string, string, string][] = [
    ['an unknown key', '{ "servr": {}, "agents": {}, "projects": [] }', 'servr: unknown key; did you mean "server"?'],
    ['no JSON', '{ "a" }', 'not readable as JSON with comments'],
    ['a word that is not allowed', '{ "tracker": { "kind": "jira" } }', 'tracker.kind: must be one of "local", "linear", not "jira"'],
    [
      'a variable that is not set',
      '{ "agents": { "a": { "kind": "command", "command": "x", "env": { "K": "$NOPE" } } }, "projects": [{ "id": "a", "repo": "." }] }',
      'agents.a.env.K: cannot read "$NOPE"',
    ],
    [
      'a token file that is not there',
      '{ "server": { "operatorToken": "file:nope" }, "agents": { "a": { "kind": "command", "command": "x" } }, "projects": [{ "id": "a", "repo": "." }] }',
      'server.operatorToken: cannot read "file:nope"',
    ],
  ]
  test.each(cases)('%s', async (_, text, sentence) => {
    const file = join(home.folder, 'bad.json')
    writeFileSync(file, text)
    for (const line of [['status'], ['submit', 'x'], ['start'], ['verify']]) {
      const { code, stdout, stderr } = await home.run([...line, '--json', '--config', file])
      expect(stderr).toContain(sentence)
      expect(stdout).toBe('')
      expect(code).toBe(2)
    }
  })

  test('one that is not there', async () => {
    const { code, stderr } = await home.run(['status', '--config', 'missing.json'])
    expect(stderr).toContain('missing.json does not exist')
    expect(code).toBe(2)
    const other = createHome()
    try {
      const without = await other.run(['status'])
      expect(without.stderr).toContain('Run `signalbox init`')
      expect(without.code).toBe(2)
    } finally {
      other.remove()
    }
  })

  test('flags may stand before the command', async () => {
    const { code, stderr } = await home.run(['--json', '--config', 'missing.json', 'status'])
    expect(stderr).toContain('missing.json does not exist')
    expect(code).toBe(2)
  })
})

describe('without a server', () => {
  test.each([['submit x'], ['stop APP-1'], ['pause'], ['drain'], ['inspect']])('%s says so and exits 1', async (line) => {
    home.writeConfig()
    const { code, stdout, stderr } = await home.run(line.split(' '))
    expect(stderr).toContain('No server answers at http://127.0.0.1:1. Start it with `signalbox start')
    expect(stderr).toContain('this command goes through the server')
    expect(stdout).toBe('')
    expect(code).toBe(1)
  })

  test('without a database the lists are empty and one issue is unknown', async () => {
    home.writeConfig()
    const all = await home.run(['status', '--json'])
    expect(JSON.parse(all.stdout)).toEqual({ issues: [], next: null })
    expect(all.code).toBe(0)
    expect(JSON.parse((await home.run(['feed', '--json'])).stdout)).toEqual({ entries: [] })
    expect(JSON.parse((await home.run(['logs', '--json'])).stdout)).toEqual({ lines: [] })
    const one = await home.run(['status', 'APP-1', '--json'])
    expect(one.stdout).toBe('')
    expect(one.stderr).toContain('There is no database yet')
    expect(one.code).toBe(1)
  })
})

test('a token that only the unit has keeps nobody from reading', async () => {
  home.writeConfig({ server: { port: 1, operatorToken: 'credential:operator-token' } })
  expect((await home.run(['status'])).code).toBe(0)
  const { code, stderr } = await home.run(['stop', 'APP-1'])
  expect(stderr).toContain('systemd credentials exist only inside the unit')
  expect(code).toBe(2)
})

test('a reader that closes the pipe ends a command quietly', async () => {
  home.writeConfig()
  writeFileSync(join(home.data, 'log.jsonl'), `${JSON.stringify({ level: 30, time: 1, msg: 'x'.repeat(200) })}\n`.repeat(20_000))
  for (const flags of ['', '--follow']) {
    const line = `"$0" "$1" logs --lines 0 ${flags} | head -1`
    const child = spawn('/bin/sh', ['-c', line, process.execPath, bin], { cwd: home.folder, env: home.variables, timeout: 10_000 })
    let errors = ''
    child.stderr.on('data', (data: Buffer) => (errors += String(data)))
    child.stdout.resume()
    const [, signal] = (await once(child, 'close')) as [number | null, string | null]
    expect(errors).toBe('')
    expect(signal).toBeNull()
  }
})

test('logs --follow goes on with what is added, across a rotation', async () => {
  home.writeConfig()
  const file = join(home.data, 'log.jsonl')
  writeFileSync(file, '{"level":30,"time":1,"msg":"one","issue":"APP-1"}\n{"level":30,"time":1,"msg":"other","issue":"APP-2"}\n')
  const child = spawn(process.execPath, [bin, 'logs', 'APP-1', '--follow', '--json'], { cwd: home.folder, env: home.variables })
  let output = ''
  child.stdout.on('data', (data: Buffer) => (output += String(data)))
  const until = async (text: string): Promise<void> => {
    for (let tries = 0; !output.includes(text); tries++) {
      if (tries > 200) throw new Error(`No ${text} in ${output}`)
      await wait(25)
    }
  }
  try {
    await until('"one"')
    writeFileSync(file, '{"level":30,"time":2,"msg":"two","issue":"APP-1"}\n{"level":30,"time":2,"msg":"thr', { flag: 'a' })
    await until('"two"')
    writeFileSync(file, 'ee","issue":"APP-1"}\n', { flag: 'a' })
    await until('"three"')
    writeFileSync(file, '{"level":30,"time":3,"msg":"four","issue":"APP-1"}\n')
    await until('"four"')
  } finally {
    child.kill()
  }
  expect(
    output
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { msg: string }).msg),
  ).toEqual(['one', 'two', 'three', 'four'])
})

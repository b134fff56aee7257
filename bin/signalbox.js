#!/usr/bin/env node
// Checks the version of Node in syntax that an old one still parses, then runs the command line: from source in a clone,
// from dist/ in the package. In a clone an old Node hands over to the one that `npm ci` brought.

import { spawn } from 'child_process'
import { existsSync } from 'fs'
import { Socket } from 'net'
import Module from 'module'
import { constants } from 'os'
import { dirname, join } from 'path'
import { fileURLToPath } from 'url'

var needed = 24
var self = fileURLToPath(import.meta.url)
var root = dirname(dirname(self))
var isNewEnough = parseInt(process.version.slice(1), 10) >= needed
var isHandedOver = process.env.SIGNALBOX_HANDED_OVER === '1'
delete process.env.SIGNALBOX_HANDED_OVER

if (isNewEnough) {
  if (isHandedOver) endWithParent()
  run()
} else {
  var other = join(root, 'node_modules', '.bin', 'node')
  if (!isHandedOver && existsSync(join(root, 'src', 'cli', 'main.ts')) && existsSync(other)) handOver(other)
  else refuse()
}

function run() {
  var isClone = existsSync(join(root, 'src', 'cli', 'main.ts'))
  // Without it the types of every file are stripped anew at each start. Where it cannot be written, it is as if it were not asked for.
  if (isClone) Module.enableCompileCache(process.env.NODE_COMPILE_CACHE || join(root, 'node_modules', '.cache', 'node-compile-cache'))
  var load = isClone ? import('../src/cli/main.ts') : import('../dist/cli/main.js')
  load
    .then(function (cli) {
      return cli.main(process.argv.slice(2))
    })
    .then(
      function (code) {
        // Pipes are written asynchronously: leave when the last byte is out, whatever still waits in the event loop.
        process.stdout.write('', function () {
          process.exit(code)
        })
      },
      function (error) {
        console.error(error)
        process.exit(1)
      },
    )
}

function refuse() {
  console.error(
    'signalbox: Node ' +
      needed +
      ' or newer is needed; this is ' +
      process.version +
      '.\n' +
      'In a clone of the repository `npm ci` brings it. Otherwise install it from https://nodejs.org or with your version manager.',
  )
  process.exitCode = 1
}

/** Runs the same command line with another node, with its streams, its signals and its exit code. */
function handOver(node) {
  var env = Object.assign({}, process.env, { SIGNALBOX_HANDED_OVER: '1' })
  // The fourth stream is never written to: its end tells the child that this process is gone.
  var child = spawn(node, [self].concat(process.argv.slice(2)), { stdio: ['inherit', 'inherit', 'inherit', 'pipe'], env: env })
  var signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH']
  signals.forEach(function (name) {
    process.on(name, function () {
      child.kill(name)
    })
  })
  child.on('error', function (error) {
    console.error('signalbox: cannot run ' + node + ': ' + error.message)
    process.exit(1)
  })
  child.on('exit', function (code, signal) {
    if (signal === null) process.exit(code)
    signals.forEach(function (name) {
      process.removeAllListeners(name)
    })
    process.kill(process.pid, signal)
    // A signal that this process survives still gives the shell's code for it.
    process.exitCode = 128 + (constants.signals[signal] || 0)
  })
}

/** kill -9 of the first process must end this one too, or it would go on owning the database. */
function endWithParent() {
  var lifeline = new Socket({ fd: 3, readable: true, writable: false })
  lifeline.on('error', function () {})
  lifeline.on('close', function () {
    process.kill(process.pid, 'SIGKILL')
  })
  lifeline.resume()
  lifeline.unref()
}

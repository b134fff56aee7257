// What a person's text asks for.

import { describe, expect, it } from 'vitest'
import { intentOf, isAddressed } from '../../../src/machines/issue/intent.ts'

describe('a text', () => {
  it.each([
    'status',
    'Status?',
    "What's the status?",
    'how is it going?',
    'Signalbox: any updates?',
    'Where are you with this?',
    'what are you waiting for',
  ])('asks how it goes: %s', (text) => expect(intentOf(text)).toBe('status'))
  it.each(['stop', 'Stop!', '@signalbox please stop', 'Stop working on this.', 'halt', "Don't continue", 'hey signalbox, stop it now'])(
    'tells us to stop: %s',
    (text) => expect(intentOf(text)).toBe('stop'),
  )
  it.each([
    ...['Show the status in the header', 'stop the timer when the page is hidden', 'What is the status code of a refused login?'],
    ...[
      'retry',
      'yes',
      '',
      'Please also update the docs',
      'status: red should be a warning',
      'Cancel buttons need a label',
      'Stop words are missing',
    ],
  ])('is an instruction otherwise: %s', (text) => expect(intentOf(text)).toBe('instruction'))

  it('of a comment is for us when it begins with our name', () => {
    expect(['Signalbox, hi', '@signalbox hi', 'Hey @Signalbox: hi', '  signalbox'].map(isAddressed)).toEqual([true, true, true, true])
    expect(['I asked Signalbox', 'signalboxes are red', ''].map(isAddressed)).toEqual([false, false, false])
  })
})

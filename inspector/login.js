// The sign-in view: the operator token, or how to get a link.

import { element } from './element.js'

export function createLogin({ signIn }) {
  const message = element('p.message', { role: 'alert' })
  const field = element('input', { type: 'password', name: 'token', required: true, autocomplete: 'off', spellcheck: false, id: 'token' })
  const button = element('button.primary', { type: 'submit' }, 'Sign in')
  const root = element(
    'form.login',
    {
      onsubmit: async (event) => {
        event.preventDefault()
        button.disabled = true
        const refusal = await signIn(field.value.trim())
        button.disabled = false
        message.textContent = refusal?.message ?? ''
        if (refusal) field.select()
      },
    },
    element('h1', {}, 'Sign in'),
    element(
      'p',
      {},
      'Run ',
      element('code', {}, 'signalbox inspect'),
      ' for a link that signs you in, or enter the operator token of the configuration.',
    ),
    element('label', { htmlFor: 'token' }, 'Operator token'),
    element('.line', {}, field, button),
    message,
  )
  return {
    root,
    update({ view }) {
      if (message.textContent === '' && view.message) message.textContent = view.message
      message.classList.toggle('plain', view.message === message.textContent)
      if (document.activeElement === document.body) field.focus()
    },
  }
}

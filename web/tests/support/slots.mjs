// A page that puts its own rows and empty lists into the inbox, as the README of @tidings/react shows.

import { connect } from '@tidings/client'
import { Inbox, InboxPopover, TidingsProvider, en } from '@tidings/react'
import { createElement as element } from 'react'
import { createRoot } from 'react-dom/client'

const { url, token } = window.settings
const client = connect({ url, getToken: () => token })
const renderItem = (item, content) =>
  item.kind === 'ANNOUNCEMENT' ? element('strong', null, `Read me: ${item.title}`) : content
const renderEmpty = place => element('p', null, `Nothing in “${place?.view ?? 'the popover'}”.`)
const slots = { renderItem, renderEmpty }

createRoot(document.querySelector('main')).render(
  element(
    TidingsProvider,
    { client, labels: en },
    element(InboxPopover, slots),
    element(Inbox, slots),
  ),
)

// Where somebody types what to look for in a list. It stands in the address, as `?q=`.

import { SearchIcon } from '@tidings/react'
import { useState } from 'react'
import { useTexts } from '../texts'
import { changeQuery, useRoute } from './router'

export function SearchField({ placeholder }: { placeholder: string }) {
  const { common } = useTexts()
  const { query } = useRoute()
  // With the spaces that are still being typed.
  const [text, setText] = useState(query.get('q') ?? '')
  return (
    <label className="tidings-search">
      <SearchIcon size="small" />
      <span className="tidings-hidden">{common.search}</span>
      <input
        type="search"
        className="tidings-field"
        placeholder={placeholder}
        maxLength={200}
        value={text}
        onChange={event => {
          setText(event.target.value)
          changeQuery({ q: event.target.value.trim() || null }, { replace: true })
        }}
      />
    </label>
  )
}

/** The mark of Tidings, as on the page's icon: a tray, and a dot for what is new in it. */
export function Mark() {
  return (
    <svg className="app-mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect className="app-mark-ground" width="32" height="32" rx="8.5" />
      <path
        className="app-mark-line"
        d="M7 18 10 9.6c.3-.7.9-1.1 1.6-1.1h8.8c.7 0 1.3.4 1.6 1.1L25 18v4.4c0 .9-.7 1.6-1.6 1.6H8.6c-.9 0-1.6-.7-1.6-1.6V18Zm0 0h5l1.7 2.8h4.6L20 18h5"
      />
      <circle className="app-mark-dot" cx="16" cy="13" r="2.2" />
    </svg>
  )
}

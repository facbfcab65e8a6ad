// Runs before the first paint, so that a dark page never flashes white. A file of its own: the page allows no inline script.
// src/data/preferences.ts writes the same key.
(function () {
  var choice = 'system'
  try {
    choice = JSON.parse(localStorage.getItem('tb.preferences') || '{}').theme || 'system'
  } catch (error) {
    choice = 'system'
  }
  var dark = choice === 'dark' || (choice === 'system' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.dataset.theme = dark ? 'dark' : 'light'
})()

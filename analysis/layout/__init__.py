"""How tables look: sheets and listings, as text, Markdown and LaTeX."""

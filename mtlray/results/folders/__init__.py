"""Results folders by themselves, without their sweep file: which one is meant, what a trial logged, and two joined. Part of
`mtlray.results`.
"""

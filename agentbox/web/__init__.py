"""HTTP: the only home of aiohttp."""

"""`python -m bench.argon2_alone SECONDS`: verifications a second on as many threads as cores."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher

from bench.servers import PASSWORD

WARM_UP = 10


def main() -> None:
    """Print the rate, with agentbox's default parameters, after a few that do not count."""
    hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
    known, cores = hasher.hash(PASSWORD), len(os.sched_getaffinity(0))

    def work(until: float, least: int = 0) -> int:
        done = 0
        while done < least or time.monotonic() < until:
            hasher.verify(known, PASSWORD)
            done += 1
        return done

    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(lambda _: work(0, WARM_UP), range(cores)))
        began = time.monotonic()
        until = began + float(sys.argv[1])
        total = sum(pool.map(lambda _: work(until), range(cores)))
        print(total / (time.monotonic() - began))


if __name__ == "__main__":
    main()

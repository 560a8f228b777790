"""Who waits with a poller is not forgotten, and no account waits for another."""

from __future__ import annotations

import asyncio
import threading

from airflow_provider_walmart.triggers.accounts import THREADS, Account
from airflow_provider_walmart.triggers.poller import Poller


def poller(poll, **options) -> Poller:
    return Poller(poll, lambda thing: thing["done"], lambda thing: "under way", **options)


def test_a_new_waiter_for_the_same_thing_is_not_taken_for_the_one_that_just_ended():
    answers = iter([{"A": {"done": True, "round": 1}}, {"A": {"done": True, "round": 2}}])

    async def both():
        shared = poller(lambda ids: next(answers))
        first = asyncio.create_task(shared.wait("A", lambda: 0.01))
        await asyncio.sleep(0)
        end = shared._end
        second = []

        def ended(thing_id, outcome):
            # Somebody comes after the thing has ended, and before the first waiter has heard of it.
            end(thing_id, outcome)
            if not second:
                second.append(asyncio.create_task(shared.wait("A", lambda: 0.01)))

        shared._end = ended
        # The second one begins to wait before the first one's wait is over.
        found = await asyncio.wait_for(first, 10)
        return found, await asyncio.wait_for(second[0], 10)

    first, second = asyncio.run(both())
    assert (first["round"], second["round"]) == (1, 2)


def test_an_account_that_is_stuck_holds_up_no_other():
    stuck = threading.Event()

    async def run():
        accounts = [Account(client=None) for _ in range(6)]
        blocked = [
            asyncio.create_task(account.run(stuck.wait, 30))
            for account in accounts[:5]
            for _ in range(2 * THREADS)
        ]
        await asyncio.sleep(0)
        quick = poller(lambda ids: {"A": {"done": True}}, account=accounts[5])
        try:
            return await asyncio.wait_for(quick.wait("A", lambda: 0.01), 10)
        finally:
            stuck.set()
            await asyncio.gather(*blocked)

    assert asyncio.run(run()) == {"done": True}

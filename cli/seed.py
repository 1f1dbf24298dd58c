"""`esimctl seed`: the small catalogue that a first start comes with."""

import asyncio

from cli.backends import postgres
from cli.terminal import say
from db.catalogue_seed import DEMO_USER, PLANS, STOCKED_PLAN, seed_catalogue

EXAMPLE = "Example: esimctl seed"


def seed() -> None:
    """Seed a small catalogue, if there is no plan yet."""
    if not asyncio.run(_seed()):
        say("The catalogue has plans already: nothing was changed.")
        return
    for plan in PLANS:
        stock = "with stock" if plan.id == STOCKED_PLAN else "no stock: bought when ordered"
        say(f"Plan {plan.id}: {plan.name}, {stock}")
    say(f"User {DEMO_USER}")
    say("Next: esimctl demo")


async def _seed() -> bool:
    async with postgres() as engine:
        return await seed_catalogue(engine)

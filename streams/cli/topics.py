"""haochaping topics"""

import asyncio

import typer

from streams.cli.common import load_settings
from streams.runtime.admin import admin_client, check_topics, create_topics
from streams.settings import Settings


def topics() -> None:
    """Create the topics that are missing; those that exist are used as they are.

    Example: HCP_PARTITIONS=8 haochaping topics
    """
    asyncio.run(_topics(load_settings()))


async def _topics(settings: Settings) -> None:
    async with admin_client(settings) as admin:
        created = set(await create_topics(admin, settings))
        for name, partitions in (await check_topics(admin, settings)).items():
            typer.echo(f"{'created' if name in created else 'exists ':7}  {name}  ({partitions} partitions)")

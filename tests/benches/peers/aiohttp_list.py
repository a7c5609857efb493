"""aiohttp_list.py WIDTH LIST: every URL of a list by aiohttp, WIDTH at once; as its documentation would have it."""

import asyncio
import sys

import aiohttp


async def main(urls, width):
    free = asyncio.Semaphore(width)
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def ask(url):
            async with free, session.get(url) as answer:
                await answer.read()
                return answer.status == 200

        good = await asyncio.gather(*(ask(url) for url in urls))
    assert sum(good) == len(urls)


asyncio.run(main(open(sys.argv[2]).read().split(), int(sys.argv[1])))

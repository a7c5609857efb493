"""Compares a crawl's records with the pages that an independent crawler reaches.

    reachable.py START RECORDS.jsonl SECONDS [REQUESTS]

REQUESTS are those that `wget2 -r` made from the same start, as the server saw them: status, media type, method and
target, with tabs between.

The reference is the standard library alone: html.parser for links, urllib for resolving and fetching. It
follows href and src of a, area, link, iframe and frame below START's folder. Exit 1 when one of the sets of HTML
pages is another one, or a URL has two records.
"""

import http.client
import json
import sys
from html.parser import HTMLParser
from urllib.parse import quote, urldefrag, urljoin, urlsplit


class Links(HTMLParser):
    wanted = {"a": "href", "area": "href", "link": "href", "iframe": "src", "frame": "src"}

    def __init__(self, url):
        super().__init__()
        self.base, self.found, self.based = url, [], False

    def handle_starttag(self, tag, attributes):
        values = {}
        for name, value in attributes:
            values.setdefault(name, value)
        if tag == "base" and values.get("href") and not self.based:
            self.base, self.based = urljoin(self.base, values["href"]), True
        value = values.get(self.wanted.get(tag, ""))
        if value:
            self.found.append(value.strip())


def reachable(start):
    host = urlsplit(start).netloc
    folder = start.rsplit("/", 1)[0] + "/"
    connection = http.client.HTTPConnection(host, timeout=20)
    queue, seen, pages = [start], {start}, set()
    while queue:
        url = queue.pop()
        parts = urlsplit(url)
        target = quote(parts.path, safe="/%:@!$&'()*+,;=~-._") + ("?" + parts.query if parts.query else "")
        connection.request("GET", target)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200 or not (answer.getheader("Content-Type") or "").startswith("text/html"):
            continue
        pages.add(url)
        links = Links(url)
        links.feed(content.decode("utf-8", "replace"))
        for link in links.found:
            try:
                found = urldefrag(urljoin(links.base, link)).url
            except ValueError:
                continue
            if found.startswith(folder) and found not in seen:
                seen.add(found)
                queue.append(found)
    return pages


def wget2(start, path):
    """The HTML pages that it got. It asks for nothing with a fragment, keeps queries, and asks for what pages show too, so
    the set needs no correction."""
    host = urlsplit(start).netloc
    lines = [line.rstrip("\n").split("\t") for line in open(path, encoding="utf-8")]
    return {
        f"http://{host}{target}"
        for status, media, method, target in lines
        if (status, media.split(";")[0], method) == ("200", "text/html", "GET")
    }


def main():
    start, path, seconds, *requests = sys.argv[1:]
    records = [json.loads(line) for line in open(path, encoding="utf-8")]
    urls = [record["url"] for record in records]
    crawled = {
        record["url"]
        for record in records
        if record.get("status") == 200 and record.get("content_type") == "text/html" and not record.get("redirects")
    }
    expected = reachable(start)
    broken = [record for record in records if record["outcome"] == "broken"]
    print(
        f"{start}: {len(crawled)} pages of {len(expected)} reachable, {len(records)} URLs, "
        f"{len(broken)} broken, {seconds} s"
    )
    for record in broken[:10]:
        print(f"  broken: {record['url']} ({record['error']['message']}), linked from {record.get('referrer')}")
    for name, urls_ in [("not visited", expected - crawled), ("not reachable", crawled - expected)]:
        for url in sorted(urls_)[:10]:
            print(f"  {name}: {url}")
    differ = crawled != expected
    for path in requests:
        theirs = wget2(start, path)
        differ |= theirs != crawled
        print(f"  wget2 -r: {len(theirs)} pages, {'other ones' if theirs != crawled else 'the same'}")
        for name, urls_ in [("only wget2", theirs - crawled), ("not wget2", crawled - theirs)]:
            for url in sorted(urls_)[:10]:
                print(f"  {name}: {url}")
    twice = len(urls) - len(set(urls))
    if twice:
        print(f"  {twice} records too many: a URL was visited twice")
    sys.exit(1 if differ or twice else 0)


main()

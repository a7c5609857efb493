"""scrapy_site.py START: everything below START's folder by Scrapy's CrawlSpider, 64 at once, without waiting."""

import sys

from scrapy.crawler import CrawlerProcess
from scrapy.http import HtmlResponse
from scrapy.linkextractors import LinkExtractor
from scrapy.spiders import CrawlSpider, Rule

start = sys.argv[1]
folder = start.rsplit("/", 1)[0] + "/"


class Site(CrawlSpider):
    name = "site"
    start_urls = [start]
    allowed_domains = ["127.0.0.1"]
    handle_httpstatus_list = [404]
    rules = (Rule(LinkExtractor(allow="^" + folder, deny_extensions=[]), callback="record", follow=True),)

    def record(self, answer):
        title = answer.css("title::text").get() if isinstance(answer, HtmlResponse) else None
        yield {"url": answer.url, "status": answer.status, "title": title}


process = CrawlerProcess(
    {
        "LOG_LEVEL": "ERROR",
        "CONCURRENT_REQUESTS": 64,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 64,
        "DOWNLOAD_DELAY": 0,
        "ROBOTSTXT_OBEY": False,
        "TELNETCONSOLE_ENABLED": False,
        "COOKIES_ENABLED": False,
        "FEEDS": {"scrapy.jsonl": {"format": "jsonlines", "overwrite": True}},
    }
)
process.crawl(Site)
process.start()

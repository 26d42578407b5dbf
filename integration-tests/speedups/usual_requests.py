"""Requests as usual clients send them, and some that no parser should take lightly."""

CHROME = (
    b"GET /articles?page=2 HTTP/1.1\r\n"
    b"Host: shop.example\r\n"
    b"Connection: keep-alive\r\n"
    b"Cache-Control: max-age=0\r\n"
    b'sec-ch-ua: "Chromium";v="124", "Google Chrome";v="124", "Not-A.Brand";v="99"\r\n'
    b"sec-ch-ua-mobile: ?0\r\n"
    b'sec-ch-ua-platform: "Linux"\r\n'
    b"Upgrade-Insecure-Requests: 1\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    b"Chrome/124.0.0.0 Safari/537.36\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
    b"Sec-Fetch-Site: same-origin\r\n"
    b"Sec-Fetch-Mode: navigate\r\n"
    b"Sec-Fetch-User: ?1\r\n"
    b"Sec-Fetch-Dest: document\r\n"
    b"Referer: http://shop.example/articles\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Accept-Language: de-DE,de;q=0.9,en;q=0.8\r\n"
    b"Cookie: session=eyJhIjoxfQ.ZjQ.abc-_; theme=dark\r\n\r\n"
)
FIREFOX = (
    b"GET / HTTP/1.1\r\n"
    b"Host: 127.0.0.1:8000\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br\r\n"
    b"Connection: keep-alive\r\n"
    b"Priority: u=1\r\n\r\n"
)
SAFARI_FETCH = (
    b"POST /api/items HTTP/1.1\r\n"
    b"Host: api.example:8443\r\n"
    b"Content-Type: application/json\r\n"
    b"Origin: https://shop.example\r\n"
    b"Accept: */*\r\n"
    b"User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.4 Safari/605.1.15\r\n"
    b"Content-Length: 17\r\n"
    b"Accept-Language: en-GB,en;q=0.9\r\n"
    b"Accept-Encoding: gzip, deflate, br\r\n"
    b"Connection: keep-alive\r\n\r\n"
    b'{"name": "caf\xc3\xa9"}'
)
CURL = (
    b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"
)
CURL_POST = (
    b"POST /items HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n"
    b"Content-Length: 7\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\na=1&b=2"
)
WRK = b"GET /json HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"
BROWSERS_PREFLIGHT = (
    b"OPTIONS /api/items HTTP/1.1\r\nHost: api.example\r\nAccept: */*\r\n"
    b"Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: content-type\r\n"
    b"Origin: https://shop.example\r\nConnection: keep-alive\r\n\r\n"
)

PLAIN = {
    "chrome": CHROME,
    "firefox": FIREFOX,
    "safari, fetch": SAFARI_FETCH,
    "a preflight request": BROWSERS_PREFLIGHT,
    "curl": CURL,
    "curl, a form": CURL_POST,
    "wrk": WRK,
    "wget": (
        b"GET / HTTP/1.1\r\nHost: a.example\r\nUser-Agent: Wget/1.21.4\r\nAccept: */*\r\n"
        b"Accept-Encoding: identity\r\nConnection: Keep-Alive\r\n\r\n"
    ),
    "oha": (
        b"GET / HTTP/1.1\r\nuser-agent: oha/1.4.1\r\naccept: */*\r\n"
        b"accept-encoding: gzip, compress, deflate, br\r\nhost: 127.0.0.1:8000\r\n\r\n"
    ),
    "k6": (
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: k6/0.50.0 (https://k6.io/)\r\n\r\n"
    ),
    "k6, a body": (
        b"PUT /items/1 HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"
        b"User-Agent: k6/0.50.0 (https://k6.io/)\r\nContent-Length: 8\r\n"
        b'Content-Type: application/json\r\n\r\n{"a": 1}'
    ),
    "go": (
        b"DELETE /items/1 HTTP/1.1\r\nHost: a.example\r\nUser-Agent: Go-http-client/1.1\r\n"
        b"Accept-Encoding: gzip\r\n\r\n"
    ),
    "node": (
        b"GET / HTTP/1.1\r\nhost: 127.0.0.1:8000\r\nconnection: keep-alive\r\naccept: */*\r\n"
        b"accept-language: *\r\nsec-fetch-mode: cors\r\nuser-agent: node\r\n"
        b"accept-encoding: gzip, deflate\r\n\r\n"
    ),
    "java": (
        b"PATCH /items/1 HTTP/1.1\r\nContent-Length: 2\r\nHost: a.example:8080\r\n"
        b"User-Agent: Java-http-client/21\r\nContent-Type: application/json\r\n\r\n{}"
    ),
    "behind nginx": (
        b"GET / HTTP/1.1\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n"
        b"X-Real-IP: 203.0.113.7\r\nHost: a.example\r\nuser-agent: curl/8.5.0\r\n\r\n"
    ),
    "behind envoy": (
        b"GET / HTTP/1.1\r\nhost: a.example\r\nx-forwarded-proto: http\r\n"
        b"x-request-id: 0f4d2c8e-7d0b-4b43-9f4e-6d9e6a9d1a2b\r\n"
        b"x-envoy-expected-rq-timeout-ms: 15000\r\n\r\n"
    ),
    "a trace": (
        b"GET / HTTP/1.1\r\nHost: a.example\r\n"
        b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
        b"tracestate: vendor=a:1;b\r\n\r\n"
    ),
    "the health check of google": (
        b"GET /healthz HTTP/1.1\r\nHost: 10.0.0.2\r\nUser-Agent: GoogleHC/1.0\r\n"
        b"Connection: Keep-alive\r\n\r\n"
    ),
    "the probe of prometheus": (
        b"GET /metrics HTTP/1.1\r\nHost: 10.0.0.2:9090\r\nUser-Agent: Prometheus/2.51.0\r\n"
        b"Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n"
        b"Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n"
    ),
    "an empty body": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "a body with zeros": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\x00\r\n",
}

LEFT_TO_PYTHON = {
    "the probe of kubernetes": (
        b"GET /healthz HTTP/1.1\r\nHost: 10.0.0.2:8080\r\nUser-Agent: kube-probe/1.29\r\n"
        b"Accept: */*\r\nConnection: close\r\n\r\n"
    ),
    "the health check of haproxy": b"OPTIONS / HTTP/1.0\r\n\r\n",
    "ab": (
        b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: a\r\nUser-Agent: ApacheBench/2.3\r\n"
        b"Accept: */*\r\n\r\n"
    ),
    "a websocket": (
        b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ),
    "an old proxy": b"GET / HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n\r\n",
    "the end of the connection": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "HEAD": b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    "two requests": WRK + WRK,
    "a body that follows": CURL_POST[:-7],
    "a body that is longer": CURL_POST + b"x",
    "no body where one is declared": CURL_POST[:-1],
    "chunks": (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    ),
    "an expectation": (
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
    ),
    "an empty line before": b"\r\n" + WRK,
    "an absolute target": b"GET http://a.example/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "a repeated field": b"GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\naccept: c\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "without a host": b"GET / HTTP/1.1\r\nAccept: */*\r\n\r\n",
    "a wrong host": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "an empty host": b"GET / HTTP/1.1\r\nHost: \r\n\r\n",
    "a length with a sign": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "a list of lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx",
    "a length of 2**64": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n"
    ),
    "a bare line feed": b"GET / HTTP/1.1\nHost: a\n\n",
    "a folded field": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n",
    "a value that is not ASCII": b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe9\r\n\r\n",
    "a zero": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
    "nothing": b"",
}

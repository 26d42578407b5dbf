"""The handlers of ``varied.yaml``: a port in memory, with typed arguments where there are types."""

from __future__ import annotations

import datetime
import hashlib
import itertools
import uuid
from collections.abc import Iterator, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
import msgspec
from varied_models import (
    About,
    Boxes,
    Bulk,
    Cargo,
    Crate,
    Inspection,
    Light,
    Liquid,
    Member,
    NewMember,
    NewShip,
    Notice,
    Permit,
    Polygon,
    Port,
    Quote,
    Range,
    Search,
    Ship,
    ShipKind,
    Station,
)

from photon import (
    Body,
    Cookie,
    Created,
    CurrentUser,
    Form,
    Header,
    HttpError,
    Json,
    JsonLines,
    Param,
    Photon,
    Query,
    Redirect,
    Response,
    Router,
    ServerSentEvent,
    Text,
    UploadFile,
)
from photon_router.security import ApiKey, BasicAuth, BearerToken, Identity

TOKEN = "token-of-the-harbour-master"
PASSWORD = "cold-water-and-warm-tea"
KEYS = {"desk": "key-of-the-front-desk"}
BERTHS = [f"{quay}{number}" for quay in "ABCD" for number in range(1, 5)]


def create_app() -> Photon:
    """Make an application; each has a port of its own."""
    app = Photon(spec=Path(__file__).with_name("varied.yaml"), assert_formats=True)
    port = Port()
    for number in range(3):
        add_ship(port, NewShip(f"IMO907472{number}", f"Ship {number}", ShipKind.FERRY, 20.0))
    port.cargo[port.next()] = Bulk("bulk", 12.5)
    app.security("token", BearerToken(lambda token: known("master", token == TOKEN)))
    app.security(
        "password", BasicAuth(lambda name, word: known(name, (name, word) == ("ada", PASSWORD)))
    )
    for scheme in ("deskKey", "queryKey", "cookieKey"):
        app.security(scheme, ApiKey(KEYS))
    for part in (
        ships(port),
        styles(),
        bodies(port),
        crew(port),
        berths(port),
        answers(),
        secrets(),
    ):
        app.include(part)
    return app


def as_json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer in JSON with a status or header fields of its own."""
    return Response(
        status,
        body=msgspec.json.encode(value),
        headers=headers or {},
        content_type="application/json",
    )


def known(name: str, is_good: bool) -> Identity | None:
    """Return an identity where the credential is good."""
    return Identity(name) if is_good else None


def add_ship(port: Port, new: NewShip, number: int | None = None) -> Ship:
    """Keep a ship."""
    ship = Ship(
        port.next() if number is None else number,
        new.imo,
        new.name,
        new.kind,
        new.length,
        new.flag,
        new.home,
        new.tags,
        new.built or datetime.date(2001, 1, 1),
    )
    port.ships[ship.id] = ship
    return ship


def ships(port: Port) -> Router:  # noqa: C901 - many small handlers
    """Return the handlers of the ships."""
    router = Router()

    def found(number: int) -> Ship:
        if number not in port.ships:
            raise HttpError(404, f"there is no ship {number}")
        return port.ships[number]

    @router.operation("listShips")
    def list_ships(
        kind: list[ShipKind] | None = None,
        longer_than: float = 0.0,
        flag: str | None = None,
        sort: list[str] | None = None,
        x_request_id: uuid.UUID | None = None,
        *,
        page: int,
        page_size: int,
    ) -> Response:
        wanted = [
            ship
            for ship in port.ships.values()
            if ship.kind in (kind or ShipKind)
            and ship.length > longer_than
            and flag in (None, ship.flag)
        ]
        for name in reversed(sort or []):
            wanted.sort(key=attrgetter(name.removeprefix("-")), reverse=name.startswith("-"))
        start = (page - 1) * page_size
        return as_json(
            wanted[start : start + page_size], headers={"x-total-count": str(len(wanted))}
        )

    @router.operation("registerShip")
    def register_ship(new: Json[NewShip]) -> Created[Ship]:
        if any(ship.imo == new.imo for ship in port.ships.values()):
            raise HttpError(409, f"{new.imo} is registered already")
        ship = add_ship(port, new)
        return Created(ship, location=f"/port/v1/ships/{ship.id}")

    @router.operation("getShip")
    def get_ship(ship_id: int, if_none_match: str | None = None) -> Response:
        ship = found(ship_id)
        tag = f'"{hashlib.sha256(repr(ship).encode()).hexdigest()[:16]}"'
        if if_none_match == tag:
            return Response(304, headers={"etag": tag})
        return as_json(ship, headers={"etag": tag})

    @router.operation("replaceShip")
    def replace_ship(ship_id: int, new: Json[NewShip]) -> Ship:
        found(ship_id)
        return add_ship(port, new, ship_id)

    @router.operation("patchShip")
    def patch_ship(ship_id: int, changes: Json[dict[str, Any]]) -> Ship:
        port.ships[ship_id] = attrs.evolve(found(ship_id), **changes)
        return port.ships[ship_id]

    @router.operation("removeShip")
    def remove_ship(ship_id: int) -> None:
        del port.ships[found(ship_id).id]

    @router.operation("searchShips")
    def search_ships(filter: Search) -> list[str]:
        return [
            ship.name
            for ship in port.ships.values()
            if filter.name in ship.name and filter.length in (None, round(ship.length))
        ]

    @router.operation("findByImo")
    def find_by_imo(imo: str) -> Ship:
        for ship in port.ships.values():
            if ship.imo == imo:
                return ship
        raise HttpError(404, f"{imo} is not here")

    return router


def styles() -> Router:  # noqa: C901 - many small handlers
    """Return the handlers that show what their parameters were."""
    router = Router()

    @router.operation("buoysSimple")
    @router.operation("buoysLabel")
    @router.operation("buoysMatrix")
    @router.operation("buoysFlat")
    def buoys(ids: list[int]) -> list[int]:
        return ids

    @router.operation("chartMatrix")
    @router.operation("chartSimple")
    @router.operation("chartLabel")
    @router.operation("chartForm")
    @router.operation("chartSpread")
    def chart(range: Range) -> Range:
        return range

    @router.operation("tides")
    def tides(hours: list[int], stations: list[Station]) -> dict[str, list[int]]:
        return {station.value: [hour * 7 % 400 for hour in hours] for station in stations}

    @router.operation("tideTable")
    def tide_table(
        station: Station,
        day: datetime.date,
        unit: Cookie[Literal["cm", "ft"]],
        x_depths: Header[list[int] | None] = None,
    ) -> dict[str, object]:
        return {"station": station, "day": day, "unit": unit, "depths": x_depths or []}

    @router.operation("currents")
    def currents(x_window: Range, session: Cookie[int]) -> Range:
        return x_window

    @router.operation("weather")
    def weather(area: Polygon, at: datetime.datetime | None = None) -> dict[str, int]:
        return {"corners": len(area.corners)}

    @router.operation("signal")
    def signal(code: str, form: Literal["txt", "json"]) -> Response:
        return Text(code) if form == "txt" else as_json({"code": code})

    @router.operation("search")
    def search(
        q: str, exact: bool, depth: int | None = None, since: int | str | None = None
    ) -> dict[str, object]:
        return {"q": q, "exact": exact}

    @router.operation("lights")
    def lights(
        on: bool,
        angle: float,
        period: float | None = None,
        colour: Query[list[Literal["red", "green", "white"]] | None] = None,
    ) -> Light:
        return Light(on, angle, period, list(colour or ["white"]))

    @router.operation("depthTile")
    def depth_tile(z: int, x: int, y: int) -> Response:
        return Response(body=b"\x89PNG\r\n\x1a\n", content_type="image/png")

    return router


def bodies(port: Port) -> Router:  # noqa: C901 - many small handlers
    """Return the handlers that are sent something."""
    router = Router()

    @router.operation("landCargo")
    def land_cargo(cargo: Json[Bulk | Boxes | Liquid]) -> dict[str, object]:
        number = port.next()
        port.cargo[number] = cargo
        return {"id": number, "form": cargo.form}

    @router.operation("getCargo")
    def get_cargo(cargo_id: int) -> Cargo:
        if cargo_id not in port.cargo:
            raise HttpError(404, f"there is no cargo {cargo_id}")
        return port.cargo[cargo_id]

    @router.operation("measureCrate")
    def measure_crate(crate: Json[Crate]) -> dict[str, float]:
        everything = list(unpacked(crate))
        return {"crates": len(everything), "weight": sum(each.weight for each in everything)}

    @router.operation("postNotice")
    def post_notice(notice: Json[str | Notice]) -> Notice:
        return Notice(notice) if isinstance(notice, str) else notice

    @router.operation("countManifest")
    def count_manifest(text: Body[str]) -> int:
        return len(text.splitlines())

    @router.operation("sealManifest")
    def seal_manifest(parts: Body[Iterator[bytes]]) -> Text:
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        return Text(digest.hexdigest())

    @router.operation("askPermit")
    def ask_permit(permit: Form[Permit]) -> Permit:
        return permit

    @router.operation("filePaper")
    def file_paper(
        paper: UploadFile, about: Form[About], copies: Form[int] = 1
    ) -> dict[str, object]:
        return {"title": about.title, "bytes": len(paper.read())}

    @router.operation("addPhoto")
    def add_photo(photo: Body[bytes]) -> None:
        hashlib.sha256(photo)

    @router.operation("quotePrice")
    def quote_price(quote: Quote) -> dict[str, float]:
        return {"total": quote.tons * 1.5 + quote.nights * 40}

    @router.operation("getSettings")
    def get_settings() -> dict[str, object]:
        return port.settings

    @router.operation("putSettings")
    def put_settings(settings: Json[dict[str, object]]) -> dict[str, object]:
        port.settings = settings
        return settings

    @router.operation("planRoute")
    def plan_route(points: Json[list[tuple[float, float]]]) -> dict[str, int]:
        return {"legs": len(list(itertools.pairwise(points)))}

    @router.operation("inspect")
    def inspect(inspection: Json[Inspection]) -> dict[str, bool]:
        if inspection.kind == "fire":
            return {"passed": (inspection.extinguishers or 0) > 2}
        return {"passed": (inspection.thickness or 0.0) > 5}

    @router.operation("echoAnything")
    def echo_anything(value: Json[object]) -> object:
        return as_json(value)

    @router.operation("report")
    def report(entries: Json[Mapping[str, object] | None] = None) -> int:
        return len(entries or {})

    return router


def unpacked(crate: Crate) -> Iterator[Crate]:
    """Yield a crate and all that are in it."""
    yield crate
    for inner in crate.inside:
        yield from unpacked(inner)


def crew(port: Port) -> Router:
    """Return the handlers of the crew."""
    router = Router()

    def found(number: uuid.UUID) -> Member:
        if number not in port.crew:
            raise HttpError(404, f"nobody is {number}")
        return port.crew[number]

    @router.operation("signOn")
    def sign_on(new: Json[NewMember]) -> Member:
        member = Member(uuid.UUID(int=port.next(), version=4), new.name, new.rank)
        port.crew[member.id] = member
        return member

    @router.operation("getCrew")
    def get_crew(crew_id: uuid.UUID) -> Member:
        return found(crew_id)

    @router.operation("signOff")
    def sign_off(crew_id: uuid.UUID) -> None:
        del port.crew[found(crew_id).id]

    return router


def berths(port: Port) -> Router:
    """Return the handlers of berths and their bookings."""
    router = Router()

    def found(number: int) -> dict[str, object]:
        if number not in port.bookings:
            raise HttpError(404, f"there is no booking {number}")
        return port.bookings[number]

    @router.operation("listAreas")
    def list_areas() -> list[dict[str, object]]:
        return [
            {"name": quay, "berths": [berth_of(name) for name in BERTHS if name[0] == quay]}
            for quay in "ABCD"
        ]

    @router.operation("getBerth")
    def get_berth(berth: str, verbose: bool) -> dict[str, object]:
        more: dict[str, object] = {"area": {"name": berth[0], "berths": [berth_of(berth)]}}
        return berth_of(berth) | (more if verbose else {})

    @router.operation("bookBerth")
    def book_berth(berth: str, wish: Json[dict[str, object]]) -> dict[str, object]:
        number = port.next()
        port.bookings[number] = {
            "id": number,
            "berth": berth,
            "from": wish["from"],
            "nights": wish["nights"],
        }
        return port.bookings[number]

    @router.operation("getBooking")
    def get_booking(booking_id: int) -> dict[str, object]:
        return found(booking_id)

    @router.operation("cancelBooking")
    def cancel_booking(booking_id: int) -> None:
        del port.bookings[found(booking_id)["id"]]  # type: ignore[arg-type]

    return router


def berth_of(name: str) -> dict[str, object]:
    """Return what is known of a berth."""
    return {"name": name, "depth": 4.5 + int(name[1])}


def answers() -> Router:  # noqa: C901 - many small handlers
    """Return the handlers that answer in many ways."""
    router = Router()

    @router.operation("status")
    def status() -> Text:
        return Text("open")

    @router.operation("events")
    def events(count: int) -> Iterator[ServerSentEvent]:
        for number in range(count):
            yield ServerSentEvent(data={"tide": number})

    @router.operation("timetable")
    def timetable() -> Response:
        rows = (f"{hour:02}:00,ferry\r\n".encode() for hour in range(24))
        return Response(
            body=rows,
            content_type="text/csv; charset=utf-8",
            headers={"content-disposition": 'attachment; filename="timetable.csv"'},
        )

    @router.operation("harbourMaster")
    def harbour_master() -> Redirect:
        return Redirect("/port/v1/status", status=303)

    @router.operation("gate")
    def gate(gate: int) -> Response:
        if gate == 3:
            return Response(204)
        return as_json("open") if gate == 1 else as_json("perhaps", status=203)

    @router.operation("readLog")
    def read_log(lines: Annotated[int, Param(le=20)]) -> JsonLines[dict[str, int]]:
        return JsonLines({"line": number} for number in range(lines))

    @router.operation("ping")
    def ping() -> Response:
        return as_json(None)

    return router


def secrets() -> Router:
    """Return the handlers that tell who asks."""
    router = Router()

    @router.operation("whoAmI")
    @router.operation("account")
    @router.operation("queryKey")
    @router.operation("cookieKey")
    def subject(user: CurrentUser[Identity]) -> dict[str, str]:
        return {"subject": user.subject}

    @router.operation("openVault")
    def open_vault(code: Json[dict[str, object]], user: CurrentUser[Identity]) -> dict[str, str]:
        return {"subject": user.subject}

    @router.operation("greeting")
    def greeting(user: CurrentUser[Identity | None]) -> dict[str, str | None]:
        return {"subject": None if user is None else user.subject}

    return router

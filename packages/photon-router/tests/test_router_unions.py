from typing import Literal

import attrs

from photon_router import Application


@attrs.frozen
class Circle:
    radius: float
    shape: Literal["circle"] = "circle"


@attrs.frozen
class Square:
    side: float
    shape: Literal["square", "rectangle"] = "square"


def test_a_document_with_tagged_classes_is_in_order() -> None:
    router = Application()

    @router.post("/shapes")
    def add(shape: Circle | Square) -> None: ...

    document = router.document()
    again = Application(spec=document)
    again.operation("add")(lambda shape: None)
    with again.start():
        pass

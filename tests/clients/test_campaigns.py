import pytest

from kayse_dash import clock
from kayse_dash.clients import campaigns
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from kayse_dash.webhooks import endpoints
from tests.conftest import on_both_databases
from tests.factories import make_endpoint

NOW = clock.now()


def make(name="January", **values):
    campaign = campaigns.create({"name": name} | values, NOW)
    db.session.commit()
    return campaign


def test_what_was_typed_is_put_in_order():
    given = {"name": "  January \n intake ", "case_type": " ", "active": False}
    assert campaigns.check(given, new=True) == {"name": "January intake", "case_type": None, "active": False}
    assert campaigns.check({}, new=False) == {}
    with pytest.raises(InvalidInput) as caught:
        campaigns.check({"case_type": "x" * 101, "active": "yes"}, new=True)
    assert set(caught.value.fields) == {"name", "case_type", "active"}


def test_only_what_is_different_is_changed(app):
    campaign = make(case_type="Auto")
    assert campaigns.update(campaign, {"name": "January", "case_type": None, "active": True}) == ["case_type"]


def test_an_id_that_no_record_can_have_is_not_found(app):
    campaign = make()
    assert campaigns.get(campaign.id) is campaign
    for number in (0, -1, 99, 2**31, 2**63):
        with pytest.raises(NotFound):
            campaigns.get(number)


@on_both_databases
def test_case_types_are_looked_up_for_many_at_once(app):
    auto, plain = make(case_type="Auto"), make()
    asked = {auto.id, plain.id, -1, 2**40, *range(1000, 2200)}
    assert campaigns.case_types(asked) == {auto.id: "Auto"}
    assert campaigns.case_types([]) == {}


def test_one_that_webhooks_are_narrowed_to_cannot_be_deleted(app):
    campaign, other = make(), make("February")
    hooks = [make_endpoint(name=f"hook {letter}", campaign_ids=[campaign.id, other.id]) for letter in "abcdefg"]
    make_endpoint(name="open")
    with pytest.raises(Conflict) as caught:
        campaigns.delete(campaign)
    assert "“hook a”, “hook b”, “hook c”, “hook d”, “hook e” and 2 more" in str(caught.value)
    for hook in hooks:
        endpoints.delete(hook, NOW)
    campaigns.delete(campaign)
    db.session.commit()
    assert [one.name for one in campaigns.by_name()] == ["February"]


def test_pages_count_from_one(app):
    for name in "cab":
        make(name)
    rows, total = campaigns.page(2, 2)
    assert ([row.name for row in rows], total) == (["b"], 3)

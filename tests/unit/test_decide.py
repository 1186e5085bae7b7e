"""The skip tiers: what is decided from which facts, and which fact is asked for next."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from pivot_core.model.artifact import Content, Missing
from pivot_core.model.decision import (
    CodeChanged,
    DepChanged,
    Edit,
    Execute,
    Forced,
    NeverRan,
    NoInput,
    NotInCache,
    OutAltered,
    OutMissing,
    OutsChanged,
    ParamChanged,
    PathsChanged,
    Restore,
    Skip,
)
from pivot_core.model.ids import ArtifactPath, Json, StageName
from pivot_core.model.lock import Lock, NoLock, RunCacheEntry
from pivot_core.model.stage import OutKind
from pivot_core.plan.decide import Facts, Generations, Need, decide, run_cache_key
from tests.support.values import HERE, a_file, a_hash, a_stage, an_analysis

IN = ArtifactPath("in.csv")
OUT = ArtifactPath("out.csv")


def contents(**seeds: str) -> dict[ArtifactPath, Content]:
    return {ArtifactPath(f"{name}.csv"): a_file(seed) for name, seed in seeds.items()}


def a_lock(
    code: str = "code",
    symbols: Mapping[str, str] | None = None,
    params: Mapping[str, Json] | None = None,
    deps: Mapping[ArtifactPath, Content] | None = None,
    outs: Mapping[ArtifactPath, Content] | None = None,
    reads: Mapping[str, Json] | None = None,
    writes: Mapping[str, Json] | None = None,
) -> Lock:
    return Lock(
        StageName("s"),
        an_analysis(code, **(symbols or {})).fingerprint,
        params or {},
        {"p0": "in.csv"} if reads is None else reads,
        {"out.csv": "out.csv"} if writes is None else writes,
        contents(**{"in": "i"}) if deps is None else deps,
        contents(out="o") if outs is None else outs,
    )


def an_unchanged_stage() -> Facts:
    """All facts of a stage whose generations say nothing and whose lock file fits."""
    return Facts(
        a_stage("s", ["in.csv"], ["out.csv"]),
        an_analysis(),
        {},
        generations=Generations(None, {}, same_definition=False),
        lock=a_lock(),
        deps=contents(**{"in": "i"}),
        outs=contents(out="o"),
        run_cache=Missing(),
        cached={a_hash("o"): True},
    )


def test_facts_are_asked_for_from_the_cheapest_to_the_dearest() -> None:
    whole = replace(an_unchanged_stage(), deps=contents(**{"in": "new"}))
    known = Facts(whole.stage, whole.analysis, {})
    asked = list[Need]()
    while isinstance(need := decide(known), Need):
        asked.append(need)
        field = {Need.RUN_CACHE: "run_cache"}.get(need, need.value)
        known = replace(known, **{field: getattr(whole, field)})
    assert asked == [Need.GENERATIONS, Need.LOCK, Need.DEPS, Need.RUN_CACHE]
    assert isinstance(need, Execute)


def test_equal_generations_settle_without_anything_else() -> None:
    counts = {"in.csv": 3, "out.csv": 1}
    facts = replace(
        Facts(a_stage("s"), an_analysis(), {}),
        generations=Generations(counts, {**counts}, same_definition=True),
    )
    assert decide(facts) == Skip(1)


@pytest.mark.parametrize(
    "generations",
    [
        Generations(None, {}, same_definition=True),
        Generations({"in.csv": 3}, {"in.csv": 4}, same_definition=True),
        Generations({"in.csv": 3}, {"in.csv": None}, same_definition=True),
        Generations({"in.csv": None}, {"in.csv": None}, same_definition=True),
        Generations({"in.csv": 3}, {}, same_definition=True),
        Generations({"in.csv": 3}, {"in.csv": 3}, same_definition=False),
    ],
)
def test_generations_that_prove_nothing_lead_to_the_lock(generations: Generations) -> None:
    assert decide(Facts(a_stage("s"), an_analysis(), {}, generations=generations)) is Need.LOCK


def test_a_lock_that_fits_skips_at_tier_two() -> None:
    assert decide(an_unchanged_stage()) == Skip(2)


def test_without_a_lock_the_run_cache_may_still_know_the_outs() -> None:
    never = replace(an_unchanged_stage(), lock=NoLock("no result yet"))
    assert decide(never) == Execute((NeverRan("no result yet"),))
    hit = replace(never, run_cache=RunCacheEntry(contents(out="o")), outs={OUT: Missing()})
    assert decide(hit) == Restore(
        3, ((OUT, a_file("o")),), (NeverRan("no result yet"), OutMissing(OUT))
    )


def test_outs_that_the_run_cache_knows_and_that_lie_there_only_need_the_lock() -> None:
    facts = replace(
        an_unchanged_stage(),
        deps=contents(**{"in": "new"}),
        run_cache=RunCacheEntry(contents(out="o")),
    )
    change = DepChanged(IN, a_hash("i"), a_hash("new"), None)
    assert decide(facts) == Restore(3, (), (change,))


def test_a_run_cache_hit_that_the_cache_lost_runs() -> None:
    facts = replace(
        an_unchanged_stage(),
        deps=contents(**{"in": "new"}),
        outs={OUT: Missing()},
        run_cache=RunCacheEntry(contents(out="o")),
        cached={a_hash("o"): False},
    )
    assert decide(facts) == Execute((DepChanged(IN, a_hash("i"), a_hash("new"), None),))


def test_an_out_that_is_missing_or_altered_is_restored_from_the_cache() -> None:
    missing = replace(an_unchanged_stage(), outs={OUT: Missing()})
    assert decide(missing) == Restore(2, ((OUT, a_file("o")),), (OutMissing(OUT),))
    altered = replace(an_unchanged_stage(), outs=contents(out="x"))
    reason = OutAltered(OUT, a_hash("o"), a_hash("x"))
    assert decide(altered) == Restore(2, ((OUT, a_file("o")),), (reason,))


def test_an_out_that_the_cache_cannot_give_runs() -> None:
    facts = replace(an_unchanged_stage(), outs={OUT: Missing()}, cached={a_hash("o"): False})
    assert decide(facts) == Execute((OutMissing(OUT), NotInCache(OUT)))


def test_an_uncached_out_is_never_restored_though_the_cache_holds_equal_bytes() -> None:
    stage = a_stage("s", ["in.csv"], ["out.csv"], is_cached=False)
    facts = replace(an_unchanged_stage(), stage=stage)
    assert decide(facts) == Skip(2)
    assert isinstance(decide(replace(facts, outs={OUT: Missing()})), Execute)


def test_an_incremental_stage_never_uses_the_run_cache() -> None:
    stage = a_stage("s", ["in.csv"], ["out.csv"], kind=OutKind.INCREMENTAL)
    facts = replace(
        an_unchanged_stage(),
        stage=stage,
        deps=contents(**{"in": "new"}),
        run_cache=RunCacheEntry(contents(out="o")),
    )
    assert isinstance(decide(facts), Execute)


def test_force_runs_an_unchanged_stage_once_its_inputs_are_known() -> None:
    forced = replace(an_unchanged_stage(), forced=True)
    assert decide(forced) == Execute((Forced(),))
    assert decide(replace(forced, deps={IN: Missing()})) == NoInput((IN,))


def test_a_missing_input_is_never_a_reason_to_run() -> None:
    facts = replace(an_unchanged_stage(), lock=NoLock("no result yet"), deps={IN: Missing()})
    assert decide(facts) == NoInput((IN,))


def test_every_difference_is_named() -> None:
    facts = replace(
        an_unchanged_stage(),
        stage=a_stage("s", ["in.csv", "more.csv"], ["new.csv"], params={"lr": 0.1, "n": 1}),
        analysis=an_analysis("other", kept="k", edited="new", added="a"),
        producers={IN: (StageName("clean"),)},
        lock=a_lock(
            symbols={"kept": "k", "edited": "old", "gone": "g"},
            params={"lr": 0.2, "n": True},
            deps=contents(**{"in": "i", "dropped": "d"}),
        ),
        deps=contents(**{"in": "j", "more": "m"}),
    )
    decision = decide(facts)
    assert isinstance(decision, Execute)
    assert decision.reasons == (
        CodeChanged("m:added", Edit.ADDED, HERE, None, a_hash("a")),
        CodeChanged("m:edited", Edit.CHANGED, HERE, a_hash("old"), a_hash("new")),
        CodeChanged("m:gone", Edit.REMOVED, None, a_hash("g"), None),
        ParamChanged("lr", 0.2, 0.1, had=True, has=True),
        ParamChanged("n", True, 1, had=True, has=True),
        DepChanged(IN, a_hash("i"), a_hash("j"), StageName("clean")),
        DepChanged(ArtifactPath("more.csv"), None, a_hash("m"), None),
        DepChanged(ArtifactPath("dropped.csv"), a_hash("d"), None, None),
        OutsChanged((ArtifactPath("new.csv"),), (OUT,)),
    )


def test_the_order_of_a_mapping_is_part_of_a_param() -> None:
    facts = replace(
        an_unchanged_stage(),
        stage=a_stage("s", ["in.csv"], ["out.csv"], params={"p": {"a": 1, "b": 2}, "q": 1}),
        lock=a_lock(params={"q": 1, "p": {"b": 2, "a": 1}}),
    )
    decision = decide(facts)
    assert isinstance(decision, Execute)
    assert [type(reason) for reason in decision.reasons] == [ParamChanged]


def test_the_same_paths_given_to_other_parameters_count() -> None:
    two = contents(a="a", b="b")
    facts = replace(
        an_unchanged_stage(),
        stage=a_stage("s", ["b.csv", "a.csv"], ["out.csv"]),
        lock=a_lock(reads={"p0": "a.csv", "p1": "b.csv"}, deps=two),
        deps=two,
    )
    decision = decide(facts)
    assert isinstance(decision, Execute)
    assert decision.reasons == (
        PathsChanged("p0", "a.csv", "b.csv"),
        PathsChanged("p1", "b.csv", "a.csv"),
    )


def test_the_same_paths_in_another_order_or_as_a_list_count() -> None:
    stage = an_unchanged_stage().stage
    listed = replace(stage, deps=(replace(stage.deps[0], is_list=True),))
    decision = decide(replace(an_unchanged_stage(), stage=listed))
    assert isinstance(decision, Execute)
    assert decision.reasons == (PathsChanged("p0", "in.csv", ["in.csv"]),)


def test_outs_that_changed_places_count() -> None:
    outs = contents(left="l", right="r")
    facts = replace(
        an_unchanged_stage(),
        stage=a_stage("s", ["in.csv"], ["left.csv", "right.csv"]),
        lock=a_lock(writes={"left.csv": "right.csv", "right.csv": "left.csv"}, outs=outs),
        outs=outs,
    )
    decision = decide(facts)
    assert isinstance(decision, Execute)
    assert decision.reasons == (
        PathsChanged("left.csv", "right.csv", "left.csv"),
        PathsChanged("right.csv", "left.csv", "right.csv"),
    )


def test_a_digest_that_differs_counts_though_every_symbol_is_equal() -> None:
    decision = decide(replace(an_unchanged_stage(), analysis=an_analysis("other")))
    assert isinstance(decision, Execute)
    assert [type(reason) for reason in decision.reasons] == [CodeChanged]


def test_the_run_cache_key_depends_on_everything_that_determines_the_outs() -> None:
    stage = a_stage("s", ["in.csv"], ["out.csv"], params={"n": 1})
    keys = {
        run_cache_key(stage, a_hash("c"), contents(**{"in": "i"})),
        run_cache_key(stage, a_hash("d"), contents(**{"in": "i"})),
        run_cache_key(stage, a_hash("c"), contents(**{"in": "j"})),
        run_cache_key(replace(stage, params={"n": 2}), a_hash("c"), contents(**{"in": "i"})),
        run_cache_key(
            replace(stage, variant="v", variant_param="variant"),
            a_hash("c"),
            contents(**{"in": "i"}),
        ),
        run_cache_key(
            a_stage("s", ["in.csv"], ["b.csv"], params={"n": 1}),
            a_hash("c"),
            contents(**{"in": "i"}),
        ),
    }
    listed = replace(stage, deps=(replace(stage.deps[0], is_list=True),))
    keys.add(run_cache_key(listed, a_hash("c"), contents(**{"in": "i"})))
    assert len(keys) == 7
    renamed = replace(stage, name=StageName("other"))
    assert run_cache_key(renamed, a_hash("c"), contents(**{"in": "i"})) in keys

"""A policy: the stages of the customer lifecycle and the rules that move customers between them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from .program import Program, compile_program


@dataclass(frozen=True, slots=True)
class Stage:
    """A place in the lifecycle.

    :param id: any number, unique in the policy
    :param sequence: position; rules without from-stages move to higher ones only
    :param is_customer: whether those who stand here have bought
    :param is_lapsed: whether those who stand here are gone; leaving it starts a new cycle
    """

    id: int
    sequence: int
    is_customer: bool = False
    is_lapsed: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """One requirement of a rule.

    :param kind: an event kind, or ``enquiry``, ``purchase``, ``any``; ignored by ``age`` and ``running``
    :param measure: ``count``, ``days`` (distinct local days), ``amount`` (company currency), ``score``
        (last one given), ``silence`` (days since the last event), ``age`` (days in the stage) or
        ``running`` (contracts running)
    :param operator: ``at_least`` or ``at_most``
    :param threshold: number, days or company currency, as the measure says
    :param scope: ``lifetime``, ``cycle`` (since the customer was won back) or ``rolling``;
        ignored by ``silence``, ``age`` and ``running``
    :param window_days: for ``rolling``: length in days, today included
    """

    kind: str
    measure: str
    operator: str
    threshold: float
    scope: str = "lifetime"
    window_days: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """Who meets all the conditions moves to the stage.

    :param id: any number, unique in the policy
    :param stage_id: the target
    :param from_stage_ids: where the customer must stand; empty = anywhere before the target,
        nowhere, or in a lapsed stage
    :param conditions: all must hold
    :param sequence: of two rules with equally high targets, the lower one wins
    """

    id: int
    stage_id: int
    from_stage_ids: frozenset[int] = frozenset()
    conditions: tuple[Condition, ...] = ()
    sequence: int = 10


@dataclass(frozen=True, slots=True)
class Policy:
    """Stages and rules, compiled once for any number of replays.

    Rules without conditions, or with an unknown stage as their target, never move anyone. Run ``check_policy`` before
    storing a policy: what it refuses does no harm here, but makes no sense either.
    """

    stages: tuple[Stage, ...]
    rules: tuple[Rule, ...]
    program: Program = field(init=False, repr=False, compare=False)
    _parts: dict[frozenset[int], "Policy"] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        object.__setattr__(self, "rules", tuple(self.rules))
        object.__setattr__(self, "program", compile_program(self.stages, self.rules))

    def without(self, rule_ids: Iterable[int]) -> "Policy":
        """Give the policy for a customer to whom some rules do not apply.

        Compiled once per set of left-out rules.

        :param rule_ids: rules to leave out; unknown ones are ignored
        :return: the policy with the remaining rules
        """
        left_out = frozenset(rule_ids)
        part = self._parts.get(left_out)
        if part is None:
            rules = tuple(rule for rule in self.rules if rule.id not in left_out)
            part = self if len(rules) == len(self.rules) else Policy(self.stages, rules)
            self._parts[left_out] = part
        return part

"""Find the parameters of ``tools.bgnbd`` that explain what the customers of a company did."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import exp, inf, lgamma, log, log1p, sqrt
from typing import Final, NamedTuple

from .bgnbd import Customer, Params, log_beta_ratio

#: With fewer customers that bought again, parameters would be chance.
LEAST_REPEATERS: Final = 30
#: Different customers (x, t_x, T) beyond which neighbours in time are taken together: some seconds.
MOST_CELLS: Final = 5_000

#: Logarithms of parameters stay within these, where the mean age is 1.
_LIMIT: Final = 12.0
_STEP: Final = 0.7
_ITERATIONS: Final = 400
_ROUNDS: Final = 4
_PRECISION: Final = 1e-9

#: Into how many spans times are cut at first; a power of 2.
_SPANS: Final = 1024

Point = list[float]
#: x, span of the time to the last purchase, span of the silence since
_Place = tuple[int, int, int]


class TooFewCustomersError(ValueError):
    """Not enough customers bought again to tell what is usual."""


class Fit(NamedTuple):
    """Parameters and how good they are.

    :param params: ``alpha`` in the unit of time of the customers
    :param log_likelihood: of all customers, the greater the better
    :param customers: their number
    :param converged: False if the search ended at its limits (of iterations, or of what parameters may be): then the
        customers are too much alike for this model
    """

    params: Params
    log_likelihood: float
    customers: int
    converged: bool


class Cell(NamedTuple):
    """Customers with the same number of repeat purchases and (nearly) the same days.

    :param t_x: mean of theirs
    :param t: mean of theirs
    :param number: how many they are
    """

    t_x: float
    t: float
    number: float


#: Repeat purchases: cells.
Cells = dict[int, list[Cell]]


def fit(customers: Iterable[Customer] | Mapping[Customer, int], most_cells: int = MOST_CELLS) -> Fit:
    """Find the parameters with the greatest likelihood, by the simplex of Nelder and Mead.

    The same customers, in any order, give the same parameters. Time and memory grow with the number of different
    customers up to ``most_cells``, then not with their number: a million different ones take some 10 seconds.

    :param customers: one for each, or how many there are of each (x, t_x, T)
    :param most_cells: see ``group``
    :raise TooFewCustomersError: if fewer than 30 bought again, or nobody is older than a moment
    :raise ValueError: if one of them cannot be a customer
    """
    counts = Counter(customers)
    cells = group(counts, most_cells)
    repeaters = sum(count for (x, _t_x, _t), count in counts.items() if x)
    number = sum(counts.values())
    unit = sum(count * t for (_x, _t_x, t), count in counts.items()) / number if number else 0.0
    if repeaters < LEAST_REPEATERS or not unit:
        raise TooFewCustomersError(f"{repeaters} of {number} customers bought again: too few")
    scaled = {x: [Cell(t_x / unit, t / unit, count) for t_x, t, count in its] for x, its in cells.items()}
    best, value, converged = minimize(lambda point: _loss(point, scaled), [0.0] * 4)
    r, alpha, a, b = (exp(logarithm) for logarithm in best)
    at_limit = max(map(abs, best)) > _LIMIT - _STEP
    params = Params(r, alpha * unit, a, b)
    # densities of r + x events: time in another unit changes them
    events = sum(x * count for (x, _t_x, _t), count in counts.items())
    return Fit(params, -value - events * log(unit), number, converged and not at_limit)


def group(counts: Mapping[Customer, int], most: int) -> Cells:
    """Take customers together whose days are near each other, the farther the more there are.

    The time to the last purchase and the silence since are cut into spans, shorter ones near 0 where they tell more,
    which are doubled in turn until there are no more than ``most`` cells. Repeat purchases are never mixed. A cell
    keeps the mean times of its customers, so sums stay what they were.

    :param counts: how many there are of each (x, t_x, T)
    :return: cells by x
    :raise ValueError: if one of them cannot be a customer
    """
    for x, t_x, t in counts:
        if not (x >= 0 and 0 <= t_x <= t < inf and (x > 0 or t_x == 0)):
            raise ValueError(f"Not a customer: {(x, t_x, t)}")
    exact = sorted(counts.items())
    if len(exact) <= most:
        return _by_repeats((x, Cell(t_x, t, count)) for (x, t_x, t), count in exact)
    span = sqrt(max(t for _x, _t_x, t in counts)) / _SPANS
    sums = _add_up(
        ((x, int(sqrt(t_x) / span), int(sqrt(t - t_x) / span)), (count * t_x, count * t, count))
        for (x, t_x, t), count in exact
    )
    for doubling in range(2 * _SPANS.bit_length()):
        if len(sums) <= most:
            break
        one, other = (0, 1) if doubling % 2 else (1, 0)
        sums = _add_up(((x, early >> one, late >> other), its) for (x, early, late), its in sums.items())
    # means of equal numbers may miss them by a hair
    return _by_repeats(
        (x, Cell(min(t_x, t) / count, t / count, count)) for (x, *_place), (t_x, t, count) in sums.items()
    )


def minimize(loss: Callable[[Point], float], start: Point) -> tuple[Point, float, bool]:
    """Find the least of a function near a point, by the simplex of Nelder and Mead, begun anew where it stopped.

    :param loss: may be infinite where it is not defined, but not at the start
    :return: the best point, its loss, and whether a new beginning found nothing better any more
    """
    best, value = start, loss(start)
    for _round in range(_ROUNDS):
        found, lower = _descend(loss, best)
        gain = value - lower
        best, value = found, lower
        if gain <= 1e-7 * (abs(value) + 1e-7):
            return best, value, True
    return best, value, False


def _add_up(pieces: Iterable[tuple[_Place, Sequence[float]]]) -> dict[_Place, list[float]]:
    sums: dict[_Place, list[float]] = {}
    for place, (t_x, t, count) in pieces:
        cell = sums.setdefault(place, [0.0, 0.0, 0.0])
        cell[0] += t_x
        cell[1] += t
        cell[2] += count
    return sums


def _by_repeats(cells: Iterable[tuple[int, Cell]]) -> Cells:
    result: Cells = defaultdict(list)
    for x, cell in cells:
        result[x].append(cell)
    return dict(result)


def _loss(point: Sequence[float], cells: Cells) -> float:
    """Give the negative log-likelihood of all cells; ``tools.bgnbd.log_likelihood`` with what they share taken out."""
    if max(map(abs, point)) > _LIMIT:
        return inf
    r, alpha, a, b = map(exp, point)
    log_alpha, log_a, gamma_r = point[1], point[2], lgamma(r)
    total = 0.0
    for x, its in cells.items():
        power = r + x
        common = r * log_alpha
        if x:
            common += lgamma(power) - gamma_r + log_beta_ratio(x, a, b)
            odds = log_a - log(b + x - 1)
        for t_x, t, count in its:
            age = log(alpha + t)
            value = common - power * age
            if x:
                gone = odds + power * (age - log(alpha + t_x))
                value += gone + log1p(exp(-gone)) if gone > 0 else log1p(exp(gone))
            total += count * value
    return -total


def _descend(loss: Callable[[Point], float], start: Point) -> tuple[Point, float]:
    simplex = [(loss(start), start)]
    for axis in range(len(start)):
        point = [*start]
        point[axis] += _STEP if point[axis] < _LIMIT - _STEP else -_STEP
        simplex.append((loss(point), point))
    for _iteration in range(_ITERATIONS):
        simplex.sort(key=lambda vertex: vertex[0])
        (best, _), (worst, _) = simplex[0], simplex[-1]
        if worst - best <= _PRECISION * (abs(best) + _PRECISION):
            break
        _move(loss, simplex)
    value, point = min(simplex, key=lambda vertex: vertex[0])
    return point, value


def _move(loss: Callable[[Point], float], simplex: list[tuple[float, Point]]) -> None:
    """Replace the worst vertex of a sorted simplex by a better one, or draw all of them to the best."""
    *others, (worst, point) = simplex
    centre = [sum(place) / len(others) for place in zip(*(vertex for _value, vertex in others), strict=True)]

    def look(reach: float) -> tuple[float, Point]:
        there = [middle + reach * (middle - old) for middle, old in zip(centre, point, strict=True)]
        return loss(there), there

    reflected = look(1.0)
    if reflected[0] < others[0][0]:
        simplex[-1] = min(look(2.0), reflected, key=lambda vertex: vertex[0])
    elif reflected[0] < others[-1][0]:
        simplex[-1] = reflected
    else:
        contracted = look(0.5 if reflected[0] < worst else -0.5)
        if contracted[0] < min(reflected[0], worst):
            simplex[-1] = contracted
        else:
            best = simplex[0][1]
            drawn = ([(old + new) / 2 for old, new in zip(vertex, best, strict=True)] for _value, vertex in simplex[1:])
            simplex[1:] = [(loss(vertex), vertex) for vertex in drawn]

"""BG/NBD: the chance that a customer is still one, and how often it will buy again.

Model and formulas: Fader, Hardie, Lee, "Counting Your Customers" the Easy Way, Marketing Science 24 (2005); numbers
in parentheses are those of their equations. While it is a customer, it buys at a rate of its own, and after each
purchase leaves with a probability of its own. Rates are gamma distributed (r, alpha), probabilities beta (a, b).

Time may be counted in days or weeks, but in the same unit everywhere: ``alpha``, ``t_x``, ``t`` and the horizon.
``tools.bgnbd_fit`` finds the parameters.
"""

from math import exp, isfinite, lgamma, log, log1p
from typing import NamedTuple

#: Around a = 1 the formula of expected purchases divides by nothing; within this distance it is interpolated.
_NEAR = 1e-4
#: The farthest horizon, in times alpha + T: the series gets the longer, the farther.
FARTHEST = 10_000
_MOST_TERMS = 1_000_000
_HUGE = 1e250


class Customer(NamedTuple):
    """What the model knows of a customer.

    :param x: repeat purchases; those of a day (or of another period that is merged) are one
    :param t_x: from the first purchase to the last; 0 if x is 0
    :param t: from the first purchase to today (T of the paper)
    """

    x: int
    t_x: float
    t: float


class Params(NamedTuple):
    """Parameters of a population, all above 0.

    :param r: shape of the rates; the greater, the more alike
    :param alpha: their scale, in the unit of time; the mean rate is r / alpha
    :param a: with ``b`` the shape of the probabilities to leave after a purchase, whose mean is a / (a + b)
    :param b: see ``a``
    """

    r: float
    alpha: float
    a: float
    b: float


def log_likelihood(customer: Customer, params: Params) -> float:
    """Give the logarithm of the likelihood of one customer (6).

    :raise ValueError: if the customer or the parameters cannot be
    """
    r, alpha, a, b = _checked(params)
    x, _t_x, t = _valid(customer)
    if not x:
        return r * (log(alpha) - log(alpha + t))
    common = lgamma(r + x) - lgamma(r) + r * log(alpha) + log_beta_ratio(x, a, b)
    return common - (r + x) * log(alpha + t) + log1p_exp(log_odds_gone(customer, params))


def log_beta_ratio(x: int, a: float, b: float) -> float:
    """Give the logarithm of B(a, b + x) / B(a, b): the chance to stay after each of x purchases."""
    return lgamma(a + b) + lgamma(b + x) - lgamma(b) - lgamma(a + b + x)


def log_odds_gone(customer: Customer, params: Params) -> float:
    """Give the logarithm of the odds that a customer with repeat purchases (x > 0) has left."""
    r, alpha, a, b = params
    x, t_x, t = customer
    return log(a) - log(b + x - 1) + (r + x) * (log(alpha + t) - log(alpha + t_x))


def p_alive(customer: Customer, params: Params) -> float:
    """Give the probability that a customer has not left yet, 0 to 1.

    1 / (1 + a / (b + x - 1) * ((alpha + T) / (alpha + t_x)) ^ (r + x)). It is 1 for everybody without a repeat
    purchase, however long ago, because in this model one leaves only after one: that is no sign of health.

    :raise ValueError: if the customer or the parameters cannot be
    """
    _checked(params)
    if not _valid(customer).x:
        return 1.0
    return exp(-log1p_exp(log_odds_gone(customer, params)))


def no_repeat(t: float, params: Params) -> float:
    """Give the probability that a new customer does not buy again within a time: (alpha / (alpha + t)) ^ r.

    :param t: since the first purchase, 0 or more
    :raise ValueError: if the time is below 0 or the parameters cannot be
    """
    r, alpha, _a, _b = _checked(params)
    if not (isfinite(t) and t >= 0):
        raise ValueError(f"Not a time: {t}")
    return exp(-r * log1p(t / alpha))


def expected_purchases(t: float, customer: Customer, params: Params) -> float:
    """Give the number of purchases to expect of a customer within the next ``t`` (10).

    Exact to about 10 digits. Cost grows with t / (alpha + T): microseconds as a rule.

    :param t: horizon, 0 to 10,000 times alpha + T
    :raise ValueError: if the horizon, the customer or the parameters cannot be
    """
    r, alpha, a, b = _checked(params)
    x, _t_x, age = _valid(customer)
    if not 0 <= t <= FARTHEST * (alpha + age):
        raise ValueError(f"Not a horizon: {t}")
    if abs(a - 1) >= _NEAR:
        expected = _expected_if_alive(t, r + x, a, b + x, alpha + age)
    else:  # a straight line between its neighbours
        low, high = (_expected_if_alive(t, r + x, near, b + x, alpha + age) for near in (1 - _NEAR, 1 + _NEAR))
        expected = low + (high - low) * (a - 1 + _NEAR) / (2 * _NEAR)
    return expected * p_alive(customer, params)


def hypergeometric(a: float, b: float, c: float, z: float, power: float = 0.0) -> float:
    """Give (1 - z)^power * c * 2F1(a, b; c; z), Gauss's function, as the sum of its series.

    With the factor c it is defined where c is 0, too. After the first, all terms are of one sign, so nothing is lost
    by subtraction; the power is taken into the sum because one factor may overflow where the product does not.

    :param a: above 0
    :param b: above 0
    :param c: above -1
    :param z: 0 to 1, not 1 itself; the nearer to 1, the more terms: some 40 / (1 - z)
    :raise ValueError: if one of them is not
    :raise ArithmeticError: if a million terms are not enough
    """
    if not (a > 0 and b > 0 and c > -1 and 0 <= z < 1):
        raise ValueError(f"Not supported: 2F1({a}, {b}; {c}; {z})")
    # term j without the first: (a)_j * (b)_j / ((c + 1)_(j - 1) * j!) * z^j
    total, term, scale = c, a * b * z, power * log1p(-z)
    for j in range(1, _MOST_TERMS):
        total += term
        ratio = (a + j) * (b + j) / ((c + j) * (j + 1)) * z
        if ratio < 1 and term * ratio <= 1e-17 * (1 - ratio) * abs(total):
            return total * exp(scale)
        term *= ratio
        if term > _HUGE:
            total, term, scale = total / _HUGE, term / _HUGE, scale + log(_HUGE)
    raise ArithmeticError(f"No end of 2F1({a}, {b}; {c}; {z})")


def log1p_exp(number: float) -> float:
    """Give log(1 + e^number), also where e^number is beyond all floats."""
    return number + log1p(exp(-number)) if number > 0 else log1p(exp(number))


def _expected_if_alive(t: float, rate: float, a: float, stayed: float, known: float) -> float:
    """Expected purchases of a customer that has not left.

    :param rate: r + x
    :param stayed: b + x
    :param known: alpha + T
    """
    c, z = a + stayed - 1, t / (known + t)
    return max((c - hypergeometric(rate, stayed, c, z, power=rate)) / (a - 1), 0.0)


def _checked(params: Params) -> Params:
    if not all(isfinite(number) and number > 0 for number in params):
        raise ValueError(f"Not parameters: {params}")
    return params


def _valid(customer: Customer) -> Customer:
    x, t_x, t = customer
    if not (x >= 0 and 0 <= t_x <= t and isfinite(t) and (x > 0 or t_x == 0)):
        raise ValueError(f"Not a customer: {customer}")
    return Customer(*customer)


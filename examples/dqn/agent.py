"""What learns: the memory of a deep Q-learning agent, its two networks, and a step of learning.

V. Mnih et al., "Human-level control through deep reinforcement learning", 2015.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from dezero_core import Device, no_grad
from dezero_nn import MLP, huber, relu
from dezero_optim import Adam

HIDDEN = 64
BATCH_SIZE = 64
RATE = 0.001
GAMMA = 0.98  # what comes one step later counts so much: what is 50 steps ahead, about a third
AHEAD = 5  # so many steps are seen before the network's own expectation is asked
SYNC = 100  # after so many steps of learning the target network is brought up to date
# Places, speeds, angles and angular speeds are of different sizes; about 1 is best for a network.
SCALE = np.array([0.5, 0.5, 5.0, 0.5], np.float32)


class ReplayBuffer:
    """The last steps that were taken, to learn from them in random order, and more than once.

    Steps that follow each other are much alike; a batch drawn from everywhere is not.

    Args:
        size: How many are kept.
        state_size: How many numbers a state is.
    """

    def __init__(self, size: int, state_size: int) -> None:
        self.size, self.count = size, 0
        self.states = np.zeros((size, state_size), np.float32)
        self.later_states = np.zeros((size, state_size), np.float32)
        self.actions = np.zeros(size, np.int64)
        self.rewards = np.zeros(size, np.float32)
        self.discounts = np.zeros(size, np.float32)

    def add(
        self,
        state: np.ndarray,
        action: int,
        reward: float,
        later_state: np.ndarray,
        discount: float,
    ) -> None:
        """Remember a step, in the place of the oldest one.

        Args:
            state: Where it was taken.
            action: What was done.
            reward: What it brought until the later state.
            later_state: Where it led.
            discount: How much counts what is expected from there on.
        """
        i = self.count % self.size
        self.states[i], self.later_states[i] = state, later_state
        self.actions[i], self.rewards[i], self.discounts[i] = action, reward, discount
        self.count += 1

    def sample(self, n: int, random: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw n steps; return the five fields of `add`, each an array of n."""
        i = random.integers(min(self.count, self.size), size=n)
        fields = (self.states, self.actions, self.rewards, self.later_states, self.discounts)
        return tuple(field[i] for field in fields)


class Agent:
    r"""Learns what each action is worth in a state, Q(s, a), and does what is worth most.

    .. math:: Q(s_t, a_t) \approx r_t + \gamma r_{t+1} + \dots + \gamma^{n-1} r_{t+n-1}
        + \gamma^n \max_a Q'(s_{t+n}, a)

    What is expected after n steps, Q', comes from the target network, a copy that is brought up to
    date now and then: a network that chases its own expectations runs away. With n steps instead
    of one, news of a fall travels back n times as fast.

    Args:
        state_size: How many numbers a state is.
        n_actions: How many actions there are.
        random: What actions are tried and what is remembered are drawn by.
        memory: How many steps are remembered.
    """

    def __init__(
        self, state_size: int, n_actions: int, random: np.random.Generator, memory: int = 20_000
    ) -> None:
        self.random, self.n_actions = random, n_actions
        self.model = MLP((HIDDEN, HIDDEN, n_actions), activation=relu)
        self.model(np.zeros((1, state_size), np.float32))  # counts the inputs: now there are arrays
        self.target = self.model.copy()
        self.optimizer = Adam(RATE).setup(self.model)
        self.buffer = ReplayBuffer(memory, state_size)
        self.recent: deque[tuple[np.ndarray, int, float]] = deque()
        self.to(Device("cpu"))

    def to(self, device: Device) -> None:
        """Compute on a device from now on. What is remembered stays on the host, as the world."""
        self.device = device
        for part in (self.model, self.target, self.optimizer):
            part.to(device)
        self.rows = device.asarray(np.arange(BATCH_SIZE))

    def act(self, state: np.ndarray, epsilon: float = 0.0) -> int:
        """Return the action that is worth most; with the probability epsilon, any other."""
        if self.random.random() < epsilon:
            return int(self.random.integers(self.n_actions))
        with no_grad():
            worth = self.model(self.device.asarray(SCALE * state[np.newaxis]))
        return int(worth.data.argmax())

    def remember(
        self,
        state: np.ndarray,
        action: int,
        reward: float,
        next_state: np.ndarray,
        over: bool,
        time_is_up: bool,
    ) -> None:
        """Take notice of a step; it goes to the buffer once it is known what followed."""
        self.recent.append((SCALE * state, action, reward))
        ends = over or time_is_up
        while len(self.recent) >= AHEAD or (ends and self.recent):
            total = sum(GAMMA**k * reward for k, (_, _, reward) in enumerate(self.recent))
            # A pole that fell is worth nothing any more. One that stands when time is up is worth
            # what it would have been.
            discount = 0.0 if over else GAMMA ** len(self.recent)
            first, action, _ = self.recent.popleft()
            self.buffer.add(first, action, total, SCALE * next_state, discount)

    def learn(self) -> None:
        """Learn from some of the steps that are remembered."""
        batch = map(self.device.asarray, self.buffer.sample(BATCH_SIZE, self.random))
        states, actions, rewards, later, discounts = batch
        with no_grad():
            worth = rewards + discounts * self.target(later).data.max(axis=1)
        q = self.model(states)[self.rows, actions]
        loss = huber(q, worth)  # a surprise, however large, does not throw the weights far
        self.model.cleargrads()
        loss.backward()
        self.optimizer.update()
        if self.optimizer.t % SYNC == 0:
            self.target = self.model.copy()

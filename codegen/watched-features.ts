// Which of a target's features an answer depends on. Variants of a bundle differ in those alone, and most kernels ask for none.
import type { Target } from "./target.ts";

/** An answer, and the features that it depends on. */
export interface FeatureAnswer<X> {
  readonly answer: X;
  /** Whether it would be the same for a target that differs in its features at most. */
  holdsFor(target: Target): boolean;
}

/** What `ask` gives for the target, and for which others it holds: whoever looks at the features otherwise than by `includes` depends on all. */
export function watchFeatures<X>(target: Target, ask: (watched: Target) => X): FeatureAnswer<X> {
  const { features } = target;
  const asked = new Set<string>();
  let all = false;
  const watched = new Proxy(features, {
    get(list, member) {
      if (member !== "includes") {
        all = true;
        return Reflect.get(list, member) as unknown;
      }
      return (feature: string, ...from: readonly number[]) => {
        if (from.length > 0) all = true;
        asked.add(feature);
        return list.includes(feature, ...from);
      };
    },
    has(list, member) {
      all = true;
      return Reflect.has(list, member);
    },
    ownKeys(list) {
      all = true;
      return Reflect.ownKeys(list);
    },
  });
  const answer = ask({ ...target, features: watched });
  return {
    answer,
    holdsFor: (other) =>
      all
        ? other.features.join() === features.join()
        : [...asked].every((f) => other.features.includes(f) === features.includes(f)),
  };
}

using DilatedKernels.Optim;

namespace DilatedKernels.Tests.Optim;

/// <summary>The order of addition, written out as terms in brackets.</summary>
public sealed class SumTreeTests
{
    [TestCase(1, "0")]
    [TestCase(2, "(0+1)")]
    [TestCase(3, "((0+1)+2)")]
    [TestCase(4, "((0+1)+(2+3))")]
    [TestCase(5, "(((0+1)+(2+3))+4)")]
    [TestCase(6, "(((0+1)+(2+3))+(4+5))")]
    [TestCase(7, "((((0+1)+(2+3))+(4+5))+6)")]
    [TestCase(8, "(((0+1)+(2+3))+((4+5)+(6+7)))")]
    [TestCase(12, "((((0+1)+(2+3))+((4+5)+(6+7)))+((8+9)+(10+11)))")]
    public void TheOrderIsThatOfATree(int parts, string order) => Assert.That(Order(parts, processes: 1), Is.EqualTo(order));

    [Test]
    public void TheOrderIsTheSameForEveryNumberOfProcesses([Range(1, 33)] int parts)
    {
        string order = Order(parts, processes: 1);
        Assert.That(Enumerable.Range(1, parts).Select(processes => Order(parts, processes)), Is.All.EqualTo(order));
    }

    [Test]
    public void AProcessHoldsTheNodesOfItsParts([Range(1, 20)] int parts)
    {
        for (int processes = 1; processes <= parts; processes++)
        {
            for (int rank = 0; rank < processes; rank++)
            {
                (int begin, int end) = SumTree.Share(parts, processes, rank);
                Assert.That(Add(begin, end).Nodes.Select(node => node.Node), Is.EqualTo(SumTree.Nodes(begin, end)));
            }
        }
    }

    [Test]
    public void NodesAreTheLongestThatBeginAtAMultipleOfTheirLength() =>
        Assert.That(SumTree.Nodes(3, 13), Is.EqualTo(new SumNode[] { new(3, 1), new(4, 4), new(8, 4), new(12, 1) }));

    [Test]
    public void SharesAreEvenAndCoverEveryPartOnce()
    {
        for (int parts = 1; parts <= 20; parts++)
        {
            for (int processes = 1; processes <= parts; processes++)
            {
                (int Begin, int End)[] shares = [.. Enumerable.Range(0, processes).Select(rank => SumTree.Share(parts, processes, rank))];
                Assert.That(shares.SelectMany(share => Enumerable.Range(share.Begin, share.End - share.Begin)), Is.EqualTo(Enumerable.Range(0, parts)));
                Assert.That(shares.Max(s => s.End - s.Begin) - shares.Min(s => s.End - s.Begin), Is.AtMost(1));
            }
        }
    }

    [Test]
    public void HoldsNoMoreValuesThanTheTreeIsDeep()
    {
        var stack = new SumStack<string>(Join);
        int most = 0;
        for (int part = 0; part < 64; part++)
        {
            stack.Push(new SumNode(part, 1), "");
            most = Math.Max(most, stack.Nodes.Count);
        }

        Assert.That(most, Is.EqualTo(6));
    }

    [Test]
    public void RefusesGapsAndEmptySums()
    {
        var stack = new SumStack<string>(Join);
        Assert.That(() => stack.Total(), Throws.InvalidOperationException.With.Message.Contains("nothing to add up"));
        stack.Push(new SumNode(4, 1), "4");
        Assert.That(() => stack.Push(new SumNode(6, 1), "6"), Throws.InvalidOperationException.With.Message.Contains("has come to part 5; part 6 is not the next"));
    }

    private static string Order(int parts, int processes)
    {
        var stack = new SumStack<string>(Join);
        for (int rank = 0; rank < processes; rank++)
        {
            (int begin, int end) = SumTree.Share(parts, processes, rank);
            foreach ((SumNode node, string sum) in Add(begin, end).Nodes)
            {
                stack.Push(node, sum);
            }
        }

        return stack.Total();
    }

    private static SumStack<string> Add(int begin, int end)
    {
        var stack = new SumStack<string>(Join);
        for (int part = begin; part < end; part++)
        {
            stack.Push(new SumNode(part, 1), $"{part}");
        }

        return stack;
    }

    private static string Join(string left, string right) => $"({left}+{right})";
}
